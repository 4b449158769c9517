{#- Applied to the master's minion by orch.upgrade, which hands on what it was given. -#}
{%- set given = salt['pillar.get']('upgrade', {}) %}
mysql-upgrade-members-upgraded:
  mysql_rolling.members_upgraded:
    - name: {{ given.get('version', 'newest') | json }}
    - machines: {{ given.get('machines', []) | json }}
    - settle: {{ given.get('settle', 5) | json }}
    - roles: {{ given.get('roles', []) | json }}
    - outage: {{ given.get('outage', []) | json }}
    - window: {{ given.get('window', '') | json }}
