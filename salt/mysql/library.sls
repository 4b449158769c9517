{%- from 'mysql/map.jinja' import mysql with context %}

# The services use the same library as Salt: one code decides, whoever calls it.
mysql-library-managed:
  file.recurse:
    - name: {{ mysql.library }}/group_replication
    - source: salt://_utils/group_replication
    - include_pat: 'E@\.py$'
    - clean: true
    - user: root
    - group: root
    - file_mode: '0644'
    - dir_mode: '0755'

mysql-settings-stored:
  mysql_gr.settings_stored:
    - name: settings
