# By minion id, as the pillar is.
base:
  'db*':
    - mysql
  'proxy*':
    - haproxy
  'web*':
    - laravel
