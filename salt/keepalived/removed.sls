{%- from 'keepalived/map.jinja' import keepalived with context %}

keepalived-removed-service-dead:
  unit.stopped:
    - name: {{ keepalived.service }}
