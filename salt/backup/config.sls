{%- from 'mysql/map.jinja' import mysql with context %}
{%- set layout = salt['backup.layout']() %}

# Only what this unit starts has a binary log: it is the archive, and the package's scripts start a
# mysqld of their own that would write to it.
backup-config-unit-managed:
  file.managed:
    - name: /etc/systemd/system/{{ mysql.service }}.service.d/mysql-gr-binary-log.conf
    - contents: |
        # Managed by Salt.
        [Service]
        Environment=MYSQL_GROUP_SUFFIX=-service
        [Unit]
        # Without its disks the server does not start on an empty directory.
        RequiresMountsFor={{ mysql.data_directory }} {{ layout.directory }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

backup-config-unit-read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: backup-config-unit-managed

backup-config-file-managed:
  file.managed:
    - name: {{ mysql.config_file }}
    - source: salt://backup/files/backup.cnf.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - require:
      - module: backup-config-unit-read
{%- if salt['file.directory_exists']('/etc/apparmor.d/local') %}

# The server's profile lets it into its own folders alone.
backup-config-apparmor-managed:
  file.blockreplace:
    - name: /etc/apparmor.d/local/usr.sbin.mysqld
    - marker_start: '# mysql-gr-backup: copies, the archive, and instances that are restored.'
    - marker_end: '# mysql-gr-backup: end.'
    - content: |
        {{ layout.directory }}/ r,
        {{ layout.directory }}/** rwk,
    - append_if_not_found: true

backup-config-apparmor-read:
  cmd.run:
    - name: apparmor_parser --replace /etc/apparmor.d/usr.sbin.mysqld
    - onchanges:
      - file: backup-config-apparmor-managed
{%- endif %}
