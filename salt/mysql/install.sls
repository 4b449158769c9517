{%- from 'mysql/map.jinja' import mysql with context %}

include:
  - mysql.data

mysql-package-installed:
  pkg.installed:
    - name: {{ mysql.package }}
    - install_recommends: false
    - require:
      - sls: mysql.data
