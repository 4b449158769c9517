{#- Applied to the master's minion by orch.restart, which hands on what it was given. -#}
{%- set given = salt['pillar.get']('restart', {}) %}
mysql-restart-members-restarted:
  mysql_rolling.members_restarted:
    - name: {{ given.get('only', 'all') | json }}
    - machines: {{ given.get('machines', []) | json }}
    - settle: {{ given.get('settle', 5) | json }}
    - roles: {{ given.get('roles', []) | json }}
    - outage: {{ given.get('outage', []) | json }}
    - window: {{ given.get('window', '') | json }}
