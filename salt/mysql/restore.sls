{#- Applied to the master's minion by orch.restore, which hands on what it was given. -#}
{%- set given = salt['pillar.get']('restore', {}) %}
mysql-restore-group-begun:
  mysql_restore.group_begun:
    - name: {{ given.get('member', '') | json }}
{%- for key in ('point', 'donor', 'snapshot', 'keep_name', 'overwrite') if key in given %}
    - {{ key }}: {{ given[key] | json }}
{%- endfor %}
