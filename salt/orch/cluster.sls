{#- Converge the whole system, strictly: what Vagrant runs once the last machine is up. A highstate on
    all machines at once converges too; in this order nobody has to wait for what is not there yet. -#}
{%- set nodes = salt['saltutil.runner']('pillar.show_pillar', ['master'])['cluster']['nodes'] %}
{%- set roles = nodes.values() | map(attribute='role') | unique | list %}
{#- The master's machine first: its minion signs certificates of the others. -#}
{%- set order = ['master', 'db', 'proxy', 'web', 'backup'] %}

{%- set databases = {} %}
{%- for name, node in nodes.items() if node.role == 'db' %}
{%- do databases.update({name: node.ip}) %}
{%- endfor %}

{#- Databases that were deleted from the table of nodes leave first, and balancers give the virtual
    address up. Their disks say that they served in this cluster: any other minion that the table
    does not name is left alone. So is one that does not answer: nobody waits for it. -#}
{%- set removed = {'mysql': [], 'keepalived': []} %}
{%- set unnamed = salt['saltutil.wheel']('key.list', 'accepted')['return']['minions'] | difference(nodes | list) %}
{%- if unnamed and databases %}
{%- set unnamed = salt['saltutil.runner']('manage.up', tgt=unnamed, tgt_type='list') %}
{%- endif %}
{%- if unnamed and databases %}
{%- set group = salt['saltutil.runner']('pillar.show_pillar', [databases | first])['mysql']['group']['name'] | lower %}
{%- set answers = salt['saltutil.runner']('salt.execute', [unnamed, 'cluster.traces'], {'tgt_type': 'list', 'timeout': 30}) %}
{%- for name, found in answers | dictsort if found is mapping %}
{%- if found.group == group %}
{%- do removed.mysql.append(name) %}
{%- elif found.servers | intersect(databases.values() | list) %}
{%- do removed.keepalived.append(name) %}
{%- endif %}
{%- endfor %}
{%- endif %}

{%- for formula, machines in removed.items() if machines %}

# A highstate would do that by itself, and gives them nothing any more.
orch-cluster-removed-{{ formula }}-synced:
  salt.function:
    - name: saltutil.sync_all
    - tgt: {{ machines | json }}
    - tgt_type: list

orch-cluster-removed-{{ formula }}-left:
  salt.state:
    - tgt: {{ machines | json }}
    - tgt_type: list
    - sls: {{ formula }}.removed
    # One at a time: each that leaves, the others take over from.
    - batch: 1
    - queue: true
    - timeout: 300
    - require:
      - salt: orch-cluster-removed-{{ formula }}-synced
{%- endfor %}

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

{#- Minions that do not ask for new modules by themselves get them here (autoload_dynamic_modules). Kinds
    that this tree has not are left out: each costs every minion a new channel to the master. -#}
{%- set kinds = ['utils', 'states', 'modules'] %}
{%- for kind in kinds %}

orch-cluster-{{ kind }}-synced:
  salt.function:
    - name: saltutil.sync_{{ kind }}
    - tgt: {{ nodes | list | json }}
    - tgt_type: list
    - require:
      - salt: orch-cluster-minions-answered
{%- endfor %}

# The pillar that a minion holds in memory is what functions see that are called by themselves.
orch-cluster-pillar-refreshed:
  salt.function:
    - name: saltutil.refresh_pillar
    - tgt: {{ nodes | list | json }}
    - tgt_type: list
    - require:
      {%- for kind in kinds %}
      - salt: orch-cluster-{{ kind }}-synced
      {%- endfor %}

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
{%- for formula, machines in removed.items() if machines %}
        - salt: orch-cluster-removed-{{ formula }}-left
{%- endfor %}
{%- if loop.index0 > 0 %}
        - salt: orch-cluster-{{ loop.previtem }}-converged
{%- endif %}
{%- endfor %}
