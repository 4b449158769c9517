{#- Applied to the master's minion by orch.reboot, which hands on what it was given. -#}
{%- set given = salt['pillar.get']('reboot', {}) %}
mysql-reboot-machines-rebooted:
  mysql_rolling.machines_rebooted:
    - name: {{ given.get('only', 'all') | json }}
    - machines: {{ given.get('machines', []) | json }}
    - outage: {{ given.get('outage', []) | json }}
    - settle: {{ given.get('settle', 5) | json }}
    - window: {{ given.get('window', '') | json }}
