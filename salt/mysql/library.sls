{%- from 'mysql/map.jinja' import mysql with context %}

# The execution module is the library of the two services too: one code decides, whoever calls it.
mysql-library-managed:
  file.managed:
    - name: {{ mysql.library }}/mysql_gr.py
    - source: salt://_modules/mysql_gr.py
    - user: root
    - group: root
    - mode: '0644'
    - dir_mode: '0755'
    - makedirs: true

mysql-settings-stored:
  mysql_gr.settings_stored:
    - name: settings
