{#- Bring the passwords of pillar to the accounts of the group and to all that uses them
    (docs/operations.md). Pillar of the call: without: [db3]. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set masters = [] %}
{%- for name, node in nodes.items() if node.role == 'master' %}
{%- do masters.append(name) %}
{%- endfor %}
{%- set given = {} %}
{%- if 'without' in pillar %}
{%- do given.update({'without': pillar.without}) %}
{%- endif %}
# A function of the master's minion asks all machines. How far it is stands on these.
orch-rotate-passwords-rotated:
  salt.state:
    - tgt: {{ masters | json }}
    - tgt_type: list
    - expect_minions: true
    - sls: mysql.rotate
    - pillar: {{ {'rotate': given} | json }}
    # Another run is refused by the group's row, in a sentence, and not by the minion's queue.
    - concurrent: true
    - timeout: 300
