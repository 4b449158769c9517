{%- from 'haproxy/map.jinja' import haproxy with context %}

include:
  - haproxy.config

# Only ever reloaded: a restart would cut every connection.
haproxy-service-running:
  service.running:
    - name: {{ haproxy.service }}
    - enable: true
    - reload: true
    - require:
      - sls: haproxy.config
    - watch:
      - file: haproxy-config-wait-managed
