include:
  - mysql.config
  - mysql.install
  - mysql.service
  - mysql.accounts
  - mysql.health
  - mysql.group
  - mysql.application
  - mysql.keeper
