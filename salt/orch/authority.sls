{#- Replace the authority that signs certificates by another one, or do what an earlier call has left
    (docs/certificates.md). Pillar of the call: replace: "3F2A90C1", the present one's serial number. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set masters = [] %}
{%- for name, node in nodes.items() if node.role == 'master' %}
{%- do masters.append(name) %}
{%- endfor %}
{%- set given = {} %}
{%- if 'replace' in pillar %}
{%- do given.update({'replace': pillar.replace}) %}
{%- endif %}
# A function of the master's minion asks all machines. How far it is stands on these.
orch-authority-current:
  salt.state:
    - tgt: {{ masters | json }}
    - tgt_type: list
    - expect_minions: true
    - sls: tls.replace
    - pillar: {{ {'authority': given} | json }}
    # Another run is refused by the group's row, in a sentence, and not by the minion's queue.
    - concurrent: true
    - timeout: 300
