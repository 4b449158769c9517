# By minion id, never by grain: a minion can set its own grains, and would choose its own secrets.
{%- import_yaml 'cluster.sls' as table %}
base:
  '*':
    - cluster
  'db*':
    - mysql
    - secrets.group
    - secrets.mysql
    - secrets.application_database
    - secrets.schema_database
  'proxy*':
    - haproxy
{%- if table.cluster.get('virtual_address') %}
    - keepalived
{%- endif %}
    - secrets.haproxy
  'web*':
    - laravel
    - secrets.application_database
    - secrets.schema_database
    - secrets.laravel
