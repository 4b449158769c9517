{%- set keepalived = salt['formula.settings']('keepalived') %}

include:
  - haproxy.service
  - keepalived.config

# A reload: a restart would move the address.
keepalived-service-running:
  service.running:
    - name: {{ keepalived.service }}
    - enable: true
    - reload: true
    - require:
      - sls: haproxy.service
    - watch:
      - file: keepalived-config-file-managed
