# By minion id, never by grain: a minion can set its own grains, and would choose its own secrets.
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
    - secrets.haproxy
  'web*':
    - laravel
    - secrets.application_database
    - secrets.schema_database
    - secrets.laravel
