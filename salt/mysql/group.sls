include:
  - mysql.accounts

mysql-group-member-online:
  mysql_gr.member_online:
    - name: {{ grains['id'] }}
    - require:
      - sls: mysql.accounts
