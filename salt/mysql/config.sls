{%- from 'mysql/map.jinja' import mysql with context %}

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
