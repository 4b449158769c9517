include:
  - mysql.service

mysql-accounts-present:
  mysql_server.accounts_present:
    - name: members
    - scope: members
    - require:
      - sls: mysql.service
