include:
  - mysql.group

mysql-application-accounts-present:
  mysql_server.accounts_present:
    - name: application
    - scope: application
    - require:
      - sls: mysql.group
