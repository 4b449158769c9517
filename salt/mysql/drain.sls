{%- set mysql = salt['formula.settings']('mysql') %}

include:
  - mysql.library
  - mysql.service

mysql-drain-program-managed:
  file.managed:
    - name: {{ mysql.library }}/drain.py
    - source: salt://mysql/files/drain.py
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - sls: mysql.library

# Beside the package's unit, which is not touched. A running server has it from the reload on.
mysql-drain-unit-managed:
  file.managed:
    - name: /etc/systemd/system/{{ mysql.service }}.service.d/mysql-gr.conf
    - source: salt://mysql/files/mysql-drain.conf.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - context:
        python: {{ grains['pythonexecutable'] }}
        library: {{ mysql.library }}
        service: {{ mysql.service }}
        stop_timeout: {{ salt['mysql_server.stop_timeout']() }}
    - require:
      - file: mysql-drain-program-managed
      - sls: mysql.service

mysql-drain-unit-read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: mysql-drain-unit-managed
