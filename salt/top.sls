# By minion id, as the pillar is.
base:
  '*':
    - common
  'db*':
    - mysql
  'proxy*':
    - haproxy
    - keepalived
  'web*':
    - php
    - apache
    - laravel
