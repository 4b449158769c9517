include:
  - backup.library
  - backup.package
  - backup.server

backup-follow-repository-present:
  backup.repository_present:
    - name: repository
    - require:
      - pkg: backup-package-restic-installed
      - backup: backup-library-settings-stored

backup-follow-group-followed:
  backup.following:
    - name: group
    - require:
      - service: backup-server-running
      - backup: backup-library-settings-stored
