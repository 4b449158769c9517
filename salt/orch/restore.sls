{#- Begin the group anew with a backup, on one machine (docs/backup.md). Pillar of the call:
    member: db1, point: latest, donor: backup1, snapshot: 79b0cf3a, keep_name: true, overwrite: db1. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set masters = [] %}
{%- for name, node in nodes.items() if node.role == 'master' %}
{%- do masters.append(name) %}
{%- endfor %}
{%- set given = {} %}
{%- for key in ('member', 'point', 'donor', 'snapshot', 'keep_name', 'overwrite') if key in pillar %}
{%- do given.update({key: pillar[key]}) %}
{%- endfor %}
# A function of the master's minion tells the two machines, and what it does stands there.
orch-restore-group-begun:
  salt.state:
    - tgt: {{ masters | json }}
    - tgt_type: list
    - expect_minions: true
    - sls: mysql.restore
    - pillar: {{ {'restore': given} | json }}
    - concurrent: true
    - timeout: 300
