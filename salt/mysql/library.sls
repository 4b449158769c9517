{%- set mysql = salt['formula.settings']('mysql') %}

include:
  - mysql.python

# The services use the same library as Salt: one code decides, whoever calls it. What the library
# stands on comes first, so that it never lies there without.
mysql-library-files-managed:
  file.managed:
    - names:
      - {{ mysql.library }}/whole_file.py:
        - source: salt://_utils/whole_file.py
      - {{ mysql.library }}/pillar_check.py:
        - source: salt://_utils/pillar_check.py
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - dir_mode: '0755'
    - require:
      - salt_python: mysql-python-packages-installed

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
    - require:
      - file: mysql-library-files-managed

mysql-settings-stored:
  mysql_server.settings_stored:
    - name: settings
