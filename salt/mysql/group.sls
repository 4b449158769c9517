include:
  - mysql.accounts
  - mysql.options

mysql-group-member-online:
  mysql_gr.member_online:
    - name: {{ grains['id'] }}
    - require:
      - sls: mysql.accounts
      - sls: mysql.options

mysql-group-mode:
  mysql_gr.mode:
    - name: {{ salt['pillar.get']('mysql:group:mode', 'multi-primary') }}
    - require:
      - mysql_gr: mysql-group-member-online
