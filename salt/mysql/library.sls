{%- from 'mysql/map.jinja' import mysql with context %}

# The services use the same library as Salt: one code decides, whoever calls it.
mysql-library-package-managed:
  file.recurse:
    - name: {{ mysql.library }}/group_replication
    - source: salt://_utils/group_replication
    - include_pat: 'E@\.py$'
    - clean: true
    - user: root
    - group: root
    - file_mode: '0644'
    - dir_mode: '0755'

# The execution module is a part of that library, too.
mysql-library-managed:
  file.managed:
    - name: {{ mysql.library }}/mysql_gr.py
    - source: salt://_modules/mysql_gr.py
    - user: root
    - group: root
    - mode: '0644'
    - dir_mode: '0755'
    - makedirs: true
    - require:
      - file: mysql-library-package-managed

mysql-settings-stored:
  mysql_gr.settings_stored:
    - name: settings
