{#- Converge the whole system, strictly: what Vagrant runs once the last machine is up. A highstate on
    all machines at once converges too; in this order nobody has to wait for what is not there yet. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set roles = nodes.values() | map(attribute='role') | unique | list %}
{%- set order = ['db', 'proxy', 'web'] %}

{#- Databases that were deleted from the table of nodes leave first, and balancers give the virtual
    address up. One that does not answer any more is left alone: nobody waits for it. -#}
{%- set removed = [] %}
{%- for name in salt['saltutil.wheel']('key.list', 'accepted')['return']['minions'] %}
{%- if name.startswith(('db', 'proxy')) and name not in nodes %}
{%- do removed.append(name) %}
{%- endif %}
{%- endfor %}
{%- if removed %}
{%- set removed = salt['saltutil.runner']('manage.up', tgt=removed, tgt_type='list') %}
{%- endif %}
{%- if removed %}

orch-cluster-removed-left:
  salt.state:
    - tgt: {{ removed | json }}
    - tgt_type: list
    - highstate: true
    # One at a time: each that leaves, the others take over from.
    - batch: 1
    - queue: true
    - timeout: 300
{%- endif %}

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

# The pillar that a minion holds in memory is what functions see that are called by themselves.
orch-cluster-pillar-refreshed:
  salt.function:
    - name: saltutil.refresh_pillar
    - tgt: {{ nodes | list | json }}
    - tgt_type: list
    - require:
      - salt: orch-cluster-minions-answered

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
    # A machine may be at another highstate: that one is waited for. Not `queue` as a number: two
    # runs that wait so wait for each other (Salt 3008). While its run is queued a minion does not
    # know the job when it is asked about it: hence the time until it is asked.
    - queue: true
    - timeout: 300
    - require:
        - salt: orch-cluster-pillar-refreshed
{%- if removed %}
        - salt: orch-cluster-removed-left
{%- endif %}
{%- if loop.index0 > 0 %}
        - salt: orch-cluster-{{ loop.previtem }}-converged
{%- endif %}
{%- endfor %}
