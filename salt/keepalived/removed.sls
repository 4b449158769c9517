{%- set keepalived = salt['formula.settings']('keepalived') %}

keepalived-removed-service-dead:
  unit.stopped:
    - name: {{ keepalived.service }}
