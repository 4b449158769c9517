{%- set mysql = salt['formula.settings']('mysql') %}
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
{%- if salt['file.file_exists']('/sys/kernel/security/apparmor/profiles') and salt['cmd.which']('apparmor_parser') %}
{%- set profile = '/etc/apparmor.d/usr.sbin.mysqld' %}
{%- set local = '/etc/apparmor.d/local/usr.sbin.mysqld' %}

# The server's profile lets it into its own folders alone. The package leaves what is there already.
backup-config-apparmor-present:
  file.managed:
    - name: {{ local }}
    - replace: false
    - makedirs: true
    - mode: '0644'

backup-config-apparmor-managed:
  file.blockreplace:
    - name: {{ local }}
    - marker_start: '# mysql-gr-backup: copies, the archive, and instances that are restored.'
    - marker_end: '# mysql-gr-backup: end.'
    - content: |
        {{ layout.directory }}/ r,
        {{ layout.directory }}/** rwk,
    - append_if_not_found: true
    - require:
      - file: backup-config-apparmor-present

# Before the package is there, there is no profile yet; it loads its own with what is written here.
backup-config-apparmor-read:
  cmd.run:
    - name: test ! -e {{ profile }} || apparmor_parser --replace {{ profile }}
    - onchanges:
      - file: backup-config-apparmor-managed
{%- endif %}
