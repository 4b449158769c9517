{#- By the table of nodes: it is the master's own, as a minion's id is by its key. Never by grain: a
    minion sets its own grains, and would choose its own secrets. -#}
{%- import_yaml 'cluster.sls' as table %}
{%- set pillars = {
  'master': ['certificates'],
  'db': ['mysql', 'secrets.group', 'secrets.mysql', 'secrets.application_database',
         'secrets.schema_database'],
  'proxy': ['haproxy', 'secrets.haproxy'],
  'web': ['laravel', 'secrets.application_database', 'secrets.schema_database', 'secrets.laravel'],
} %}
base:
  # No secret, and all that a machine needs that is no longer named there.
  '*':
    - cluster
{%- for name, node in table.cluster.nodes.items() if node.role in pillars %}
  {{ name | string | json }}:
    # One id: a name is no pattern.
    - match: list
{%- for sls in pillars[node.role] %}
    - {{ sls }}
{%- endfor %}
{%- endfor %}
