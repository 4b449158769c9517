{#- By the table of nodes, as the pillar is: a machine that is not named there gets no states. -#}
{%- set states = {
  'master': ['tls'],
  'db': ['mysql'],
  'proxy': ['haproxy', 'keepalived'],
  'web': ['php', 'apache', 'laravel'],
  'backup': ['backup'],
} %}
base:
{%- for name, node in salt['pillar.get']('cluster:nodes', {}).items() %}
  {{ name | string | json }}:
    - match: list
    - common
{%- for sls in states.get(node.role, []) %}
    - {{ sls }}
{%- endfor %}
{%- else %}
  {}
{%- endfor %}
