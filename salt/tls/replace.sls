{#- Applied to the master's minion by orch.authority, which hands on what it was given. -#}
{%- set given = salt['pillar.get']('authority', {}) %}
tls-replace-authority-current:
  mysql_authority.authority_current:
    - name: authority
    - replace: {{ given.get('replace') | json }}
