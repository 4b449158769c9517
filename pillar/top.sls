{#- By the table of nodes: it is the master's own, as a minion's id is by its key. Never by grain: a
    minion sets its own grains, and would choose its own secrets. -#}
{%- import_yaml 'cluster.sls' as table %}
{%- set pillars = {
  'db': ['mysql', 'secrets.group', 'secrets.mysql', 'secrets.application_database',
         'secrets.schema_database'],
  'proxy': ['haproxy', 'secrets.haproxy'],
  'web': ['laravel', 'secrets.application_database', 'secrets.schema_database', 'secrets.laravel'],
  'backup': ['backup', 'mysql', 'secrets.group', 'secrets.backup_database', 'secrets.backup_repository'],
} %}
{#- Members make the account that a backup machine logs in as, and never get the repository's key. -#}
{%- if 'backup' in table.cluster.nodes.values() | map(attribute='role') %}
{%- do pillars.db.append('secrets.backup_database') %}
{%- endif %}
{%- if (table.cluster.get('tls') or {}).get('source') == 'ca' %}
{%- do pillars.db.append('certificate_renewal') %}
{%- endif %}
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
