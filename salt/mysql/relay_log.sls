{%- set mysql = salt['formula.settings']('mysql') %}

include:
  - mysql.library
  - mysql.service

mysql-relay-log-program-managed:
  file.managed:
    - name: {{ mysql.library }}/close_relay_log.py
    - source: salt://mysql/files/close_relay_log.py
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - sls: mysql.library

# Beside the package's unit, which is not touched. What this account owns is not root's to follow,
# and the server starts whatever becomes of it ("-").
mysql-relay-log-unit-managed:
  file.managed:
    - name: /etc/systemd/system/{{ mysql.service }}.service.d/mysql-gr-relay-log.conf
    - contents: |
        # Managed by Salt.
        [Service]
        ExecStartPre=-/usr/bin/setpriv --reuid=mysql --regid=mysql --clear-groups \
          {{ grains['pythonexecutable'] }} -B {{ mysql.library }}/close_relay_log.py {{ mysql.data_directory }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - require:
      - file: mysql-relay-log-program-managed
      - sls: mysql.service

mysql-relay-log-unit-read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: mysql-relay-log-unit-managed
