{#- Upgrade MySQL on the database members, one after the other (docs/operations.md). Pillar of the
    call: version: 9.7.4-2, machines: [db2], settle: 5, window: '02:00-04:00'; roles: [proxy, web]
    and outage: [web] for HAProxy, keepalived, Apache and PHP. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set masters = [] %}
{%- for name, node in nodes.items() if node.role == 'master' %}
{%- do masters.append(name) %}
{%- endfor %}
{%- set given = {} %}
{%- for key in ('version', 'machines', 'settle', 'roles', 'outage', 'window') if key in pillar %}
{%- do given.update({key: pillar[key]}) %}
{%- endfor %}
# The loop is a function of the master's minion: its order is asked anew before each step.
orch-upgrade-members-upgraded:
  salt.state:
    - tgt: {{ masters | json }}
    - tgt_type: list
    - expect_minions: true
    - sls: mysql.upgrade
    - pillar: {{ {'upgrade': given} | json }}
    # Another run is refused by the group's row, in a sentence, and not by the minion's queue.
    - concurrent: true
    - timeout: 300
