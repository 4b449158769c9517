include:
  - backup.package
  - backup.config
  - backup.server
  - backup.library
  - backup.follow
  - backup.service
