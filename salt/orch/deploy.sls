{#- Deploy on all web servers: built and tried everywhere, migrated once, all switched or none
    (docs/laravel.md). Pillar of the call: rev: v2.1, build: b2, or release: 3f2a9c01be77;
    application: shop for another than the first. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set masters = [] %}
{%- for name, node in nodes.items() if node.role == 'master' %}
{%- do masters.append(name) %}
{%- endfor %}
{%- set given = {} %}
{%- for key in ('rev', 'build', 'release', 'application') if key in pillar %}
{%- do given.update({key: pillar[key]}) %}
{%- endfor %}
# A function of the master's minion asks the web servers, and what it does stands there.
orch-deploy-deployed:
  salt.state:
    - tgt: {{ masters | json }}
    - tgt_type: list
    - expect_minions: true
    - sls: laravel.deploy
    - pillar: {{ {'deploy': given} | json }}
    # Another run is refused in a sentence, and not by the minion's queue.
    - concurrent: true
    - timeout: 300
