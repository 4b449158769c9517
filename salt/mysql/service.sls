{%- set mysql = salt['formula.settings']('mysql') %}

include:
  - mysql.install

# No watch: a member is restarted on purpose and one at a time, never by a highstate on all.
mysql-service-running:
  service.running:
    - name: {{ mysql.service }}
    - enable: true
    - require:
      - sls: mysql.install
