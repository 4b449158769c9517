backup-package-restic-installed:
  pkg.installed:
    - name: restic
    - install_recommends: false
