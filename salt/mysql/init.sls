{#- The table of nodes alone says who is a member. A minion whose line is deleted there leaves. -#}
{%- set node = salt['pillar.get']('cluster:nodes', {}).get(grains['id'], {}) %}
include:
{%- if node.get('role') == 'db' %}
  - mysql.config
  - mysql.data
  - mysql.install
  - mysql.service
  - mysql.options
  - mysql.accounts
  - mysql.health
  - mysql.group
  - mysql.application
  - mysql.keeper
  - mysql.compare
  - mysql.drain
  - mysql.relay_log
  - mysql.needrestart
{%- else %}
  - mysql.removed
{%- endif %}
