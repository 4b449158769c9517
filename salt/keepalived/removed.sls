{%- from 'keepalived/map.jinja' import keepalived with context %}

# Only where it is installed: of a service that is not there, a test run says that it would stop it.
keepalived-removed-service-dead:
  service.dead:
    - name: {{ keepalived.service }}
    - enable: false
    - onlyif:
      - fun: service.available
        args: [{{ keepalived.service }}]
