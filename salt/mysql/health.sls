{%- from 'mysql/map.jinja' import mysql with context %}

include:
  - mysql.accounts
  - mysql.library

mysql-health-user-present:
  user.present:
    - name: mysql-gr-health
    - system: true
    - home: /nonexistent
    - createhome: false
    - shell: /usr/sbin/nologin

mysql-health-program-managed:
  file.managed:
    - name: {{ mysql.library }}/health.py
    - source: salt://mysql/files/health.py
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - sls: mysql.library

mysql-health-settings-managed:
  file.managed:
    - name: /etc/mysql-gr/health.json
    - contents: '{{ salt['mysql_gr.health_settings']() | json }}'
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - sls: mysql.library

mysql-health-unit-managed:
  file.managed:
    - name: /etc/systemd/system/mysql-gr-health.service
    - source: salt://mysql/files/mysql-gr-health.service.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - context:
        python: {{ grains['pythonexecutable'] }}
        library: {{ mysql.library }}

mysql-health-service-running:
  service.running:
    - name: mysql-gr-health
    - enable: true
    - require:
      - sls: mysql.accounts
      - user: mysql-health-user-present
    - watch:
      - file: mysql-library-managed
      - file: mysql-health-program-managed
      - file: mysql-health-settings-managed
      - file: mysql-health-unit-managed
