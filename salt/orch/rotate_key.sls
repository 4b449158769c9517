{#- Give all web servers the pillar's APP_KEY, or its JWT_SECRET: all accept it, then all sign with it
    (docs/laravel.md). Pillar of the call: application: shop, key: JWT_SECRET. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set masters = [] %}
{%- for name, node in nodes.items() if node.role == 'master' %}
{%- do masters.append(name) %}
{%- endfor %}
{%- set given = {'application': pillar.get('application', 'laravel'), 'key': pillar.get('key', 'APP_KEY')} %}
# A function of the master's minion asks the web servers, and what it does stands there.
orch-rotate_key-rotated:
  salt.state:
    - tgt: {{ masters | json }}
    - tgt_type: list
    - expect_minions: true
    - sls: laravel.rotate_key
    - pillar: {{ {'rotate_key': given} | json }}
    # Another run is refused in a sentence, and not by the minion's queue.
    - concurrent: true
    - timeout: 300
