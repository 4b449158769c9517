{%- set haproxy = salt['formula.settings']('haproxy') %}

include:
  - haproxy.config

# Only ever reloaded, by haproxy-config-file-managed: a restart would cut every connection.
haproxy-service-running:
  service.running:
    - name: {{ haproxy.service }}
    - enable: true
    - require:
      - sls: haproxy.config
