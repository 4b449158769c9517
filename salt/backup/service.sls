{%- set mysql = salt['formula.settings']('mysql') %}
{%- set layout = salt['backup.layout']() %}
{%- set units = '/etc/systemd/system/mysql-gr-backup@' %}
{%- set timers = {'full': layout.full, 'logs': layout.logs, 'watch': 'minutely'} %}

include:
  - backup.follow
  - backup.library

backup-service-unit-managed:
  file.managed:
    - name: {{ units }}.service
    - source: salt://backup/files/mysql-gr-backup@.service.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - context:
        python: {{ grains['pythonexecutable'] }}
        library: {{ mysql.library }}
        service: {{ mysql.service }}
{%- for name, interval in timers.items() if interval %}

backup-service-{{ name }}-timer-managed:
  file.managed:
    - name: {{ units }}{{ name }}.timer
    - source: salt://backup/files/mysql-gr-backup@.timer.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - context:
        name: {{ name }}
        interval: {{ interval }}
    - require:
      - file: backup-service-unit-managed
{%- endfor %}

# systemd starts what it has read; of the service the timer's restart tells it nothing.
backup-service-units-read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: backup-service-unit-managed
{%- for name, interval in timers.items() if interval %}
      - file: backup-service-{{ name }}-timer-managed
{%- endfor %}
{%- for name, interval in timers.items() %}
{%- if interval %}

backup-service-{{ name }}-timer-running:
  service.running:
    - name: mysql-gr-backup@{{ name }}.timer
    - enable: true
    - require:
      - backup: backup-follow-group-followed
      - file: backup-library-program-managed
      - module: backup-service-units-read
    - watch:
      - file: backup-service-{{ name }}-timer-managed
{%- else %}

backup-service-{{ name }}-timer-stopped:
  unit.stopped:
    - name: mysql-gr-backup@{{ name }}.timer

backup-service-{{ name }}-timer-absent:
  file.absent:
    - name: {{ units }}{{ name }}.timer
    - require:
      - unit: backup-service-{{ name }}-timer-stopped
{%- endif %}
{%- endfor %}
{%- if layout.full %}

backup-service-full-drilled:
  backup.drilled:
    - name: full backups
{%- endif %}
