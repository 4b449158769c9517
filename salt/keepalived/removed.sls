{%- from 'keepalived/map.jinja' import keepalived with context %}

# Where keepalived is not installed this finds nothing to do.
keepalived-removed-service-dead:
  service.dead:
    - name: {{ keepalived.service }}
    - enable: false
