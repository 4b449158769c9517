{#- Converge the whole system, strictly: what Vagrant runs once the last machine is up. A highstate on
    all machines at once converges too; in this order nobody has to wait for what is not there yet. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set roles = nodes.values() | map(attribute='role') | unique | list %}
{%- set order = ['db', 'proxy', 'web'] %}

orch-cluster-minions-answered:
  salt.function:
    - name: test.ping
    - tgt: {{ nodes | list | json }}
    - tgt_type: list
    - expect_minions: true
    - timeout: 5
    - retry:
        attempts: 60
        interval: 2

{%- for role in order + (roles | difference(order) | sort) if role in roles %}
{%- set machines = [] %}
{%- for name, node in nodes.items() if node.role == role %}
{%- do machines.append(name) %}
{%- endfor %}

orch-cluster-{{ role }}-converged:
  salt.state:
    - tgt: {{ machines | json }}
    - tgt_type: list
    - expect_minions: true
    - highstate: true
    # A machine may still be at its first highstate: that one is waited for. As a number this
    # blocks, up to so many; as `true` it would return at once and tell nothing.
    - queue: 5
    - require:
        - salt: orch-cluster-minions-answered
{%- if loop.index0 > 0 %}
        - salt: orch-cluster-{{ loop.previtem }}-converged
{%- endif %}
{%- endfor %}
