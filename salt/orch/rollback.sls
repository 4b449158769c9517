{#- Let one release serve again on all web servers, or on none (docs/laravel.md). Pillar of the call:
    release: 3f2a9c01be77, application: shop. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set masters = [] %}
{%- for name, node in nodes.items() if node.role == 'master' %}
{%- do masters.append(name) %}
{%- endfor %}
{%- set given = {} %}
{%- for key in ('release', 'application') if key in pillar %}
{%- do given.update({key: pillar[key]}) %}
{%- endfor %}
# A function of the master's minion asks the web servers, and what it does stands there.
orch-rollback-rolled-back:
  salt.state:
    - tgt: {{ masters | json }}
    - tgt_type: list
    - expect_minions: true
    - sls: laravel.rollback
    - pillar: {{ {'rollback': given} | json }}
    # Another run is refused in a sentence, and not by the minion's queue.
    - concurrent: true
    - timeout: 300
