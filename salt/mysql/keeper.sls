{%- set mysql = salt['formula.settings']('mysql') %}

include:
  - mysql.accounts
  - mysql.library

mysql-keeper-program-managed:
  file.managed:
    - name: {{ mysql.library }}/keeper.py
    - source: salt://mysql/files/keeper.py
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - sls: mysql.library

mysql-keeper-unit-managed:
  file.managed:
    - name: /etc/systemd/system/mysql-gr-keeper.service
    - source: salt://mysql/files/mysql-gr-keeper.service.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - context:
        python: {{ grains['pythonexecutable'] }}
        library: {{ mysql.library }}
        service: {{ mysql.service }}
        data_directory: {{ mysql.data_directory }}

mysql-keeper-service-running:
  service.running:
    - name: mysql-gr-keeper
    - enable: true
    - require:
      - sls: mysql.accounts
    - watch:
      - salt_python: mysql-python-packages-installed
      - file: mysql-library-files-managed
      - file: mysql-library-managed
      - file: mysql-keeper-program-managed
      - file: mysql-keeper-unit-managed
