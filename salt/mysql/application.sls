include:
  - mysql.group

mysql-application-accounts-present:
  mysql_gr.accounts_present:
    - name: application
    - scope: application
    - require:
      - sls: mysql.group
