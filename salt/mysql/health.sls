{%- set mysql = salt['formula.settings']('mysql') %}
{%- set health = salt['mysql_server.health_settings']() %}

include:
  - mysql.accounts
  - mysql.library

mysql-health-user-present:
  user.present:
    - name: {{ health.user }}
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

mysql-health-socket-managed:
  file.managed:
    - name: /etc/systemd/system/mysql-gr-health.socket
    - source: salt://mysql/files/mysql-gr-health.socket.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - context:
        address: {{ health.address }}
        port: {{ health.port }}

# The agent reads it anew when it has changed, and is not started anew.
mysql-health-clients-managed:
  file.managed:
    - name: /etc/mysql-gr/health-clients
    - contents: {{ health.clients | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

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
        service: {{ mysql.service }}
        socket: {{ health.socket }}
        user: {{ health.user }}
        clients: /etc/mysql-gr/health-clients

mysql-health-socket-running:
  service.running:
    - name: mysql-gr-health.socket
    - enable: true
    - require:
      - file: mysql-health-unit-managed
    - watch:
      - file: mysql-health-socket-managed

mysql-health-service-running:
  service.running:
    - name: mysql-gr-health
    - enable: true
    - require:
      - sls: mysql.accounts
      - user: mysql-health-user-present
      - salt_python: mysql-python-packages-installed
      - file: mysql-library-files-managed
      - file: mysql-library-managed
      - file: mysql-health-program-managed
      - file: mysql-health-clients-managed
      - service: mysql-health-socket-running
    - watch:
      - file: mysql-health-unit-managed

# A reload: the old agent answers until the new one does. A start takes longer than a balancer waits
# where processor time is short, and a highstate brings a new agent to all members at once.
mysql-health-program-running:
  service.running:
    - name: mysql-gr-health
    - reload: true
    - require:
      - service: mysql-health-service-running
    - watch:
      - salt_python: mysql-python-packages-installed
      - file: mysql-library-files-managed
      - file: mysql-library-managed
      - file: mysql-health-program-managed
