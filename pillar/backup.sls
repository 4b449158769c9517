# What is chosen here about backups, for a machine of role backup in the table of nodes;
# pillar.example has every key with its default. The repository's password is
# backup:repository:password, in pillar/secrets/backup_repository.sls.
backup:
  full: daily
  logs: hourly
  dumps: [realworld]
