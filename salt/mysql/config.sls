{%- from 'mysql/map.jinja' import mysql with context %}

# Only what this unit starts has a binary log. The package's scripts start a mysqld of their own at
# each installation and upgrade and write to it: a transaction that no other member has.
mysql-config-unit-managed:
  file.managed:
    - name: /etc/systemd/system/{{ mysql.service }}.service.d/mysql-gr-binary-log.conf
    - contents: |
        # Managed by Salt.
        [Service]
        Environment=MYSQL_GROUP_SUFFIX=-service
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

mysql-config-unit-read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: mysql-config-unit-managed

# Before the package: its first start must be read only and write no transaction of its own, or the
# server would hold what the group does not have. A running server is never restarted by a change.
mysql-config-file-managed:
  file.managed:
    - name: {{ mysql.config_file }}
    - source: salt://mysql/files/group-replication.cnf.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - context:
        package: {{ mysql.package }}
    - require:
      - module: mysql-config-unit-read
