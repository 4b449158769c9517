{%- from 'haproxy/map.jinja' import haproxy with context %}

include:
  - haproxy.config

# Only ever reloaded, by haproxy-config-file-managed: a restart would cut every connection.
haproxy-service-running:
  service.running:
    - name: {{ haproxy.service }}
    - enable: true
    - require:
      - sls: haproxy.config
