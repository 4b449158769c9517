include:
  - mysql.service

# The file is for the next start; a server that runs is told what it can take without one.
mysql-options-current:
  mysql_server.options_current:
    - name: options
    - require:
      - sls: mysql.service
