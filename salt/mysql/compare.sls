{%- set mysql = salt['formula.settings']('mysql') %}
{%- set compare = salt['mysql_server.compare_settings']() %}
{%- set units = '/etc/systemd/system/mysql-gr-compare' %}

include:
  - mysql.accounts
  - mysql.library
{%- if compare.interval %}

mysql-compare-program-managed:
  file.managed:
    - name: {{ mysql.library }}/compare.py
    - source: salt://mysql/files/compare.py
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - sls: mysql.library

mysql-compare-service-managed:
  file.managed:
    - name: {{ units }}.service
    - source: salt://mysql/files/mysql-gr-compare.service.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - context:
        python: {{ grains['pythonexecutable'] }}
        library: {{ mysql.library }}
        service: {{ mysql.service }}

mysql-compare-timer-managed:
  file.managed:
    - name: {{ units }}.timer
    - source: salt://mysql/files/mysql-gr-compare.timer.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - context:
        interval: {{ compare.interval }}
        delay: {{ compare.delay }}

# systemd starts what it has read; of the service the timer's restart tells it nothing.
mysql-compare-units-read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: mysql-compare-service-managed
      - file: mysql-compare-timer-managed

mysql-compare-timer-running:
  service.running:
    - name: mysql-gr-compare.timer
    - enable: true
    - require:
      - sls: mysql.accounts
      - file: mysql-compare-program-managed
      - module: mysql-compare-units-read
    - watch:
      - file: mysql-compare-timer-managed
{%- else %}

# A comparison under way is broken off with it, and leaves nothing.
mysql-compare-timer-stopped:
  unit.stopped:
    - name: mysql-gr-compare.timer

mysql-compare-files-absent:
  file.absent:
    - names:
      - {{ units }}.timer
      - {{ units }}.service
      - {{ mysql.library }}/compare.py
      # systemd's own note of the last time, or the timer would make up for the time without it.
      - /var/lib/systemd/timers/stamp-mysql-gr-compare.timer
    - require:
      - unit: mysql-compare-timer-stopped

mysql-compare-units-read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: mysql-compare-files-absent
{%- endif %}
