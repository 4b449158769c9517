{%- set mysql = salt['formula.settings']('mysql') %}
{%- set tls = salt['mysql_tls.declared']() %}

include:
  - mysql.python
{%- if tls.source == 'ca' %}
  - tls.trusted
{%- endif %}

# The program uses the same library as Salt. What the library stands on comes first, so that it never
# lies there without.
backup-library-files-managed:
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
{%- for folder in ['group_replication', 'group_backup'] %}

backup-library-{{ folder }}-managed:
  file.recurse:
    - name: {{ mysql.library }}/{{ folder }}
    - source: salt://_utils/{{ folder }}
    - include_pat: 'E@\.py$'
    - clean: true
    - user: root
    - group: root
    - file_mode: '0644'
    - dir_mode: '0755'
    - require:
      - file: backup-library-files-managed
{%- endfor %}

backup-library-program-managed:
  file.managed:
    - name: {{ mysql.library }}/backup_run.py
    - source: salt://backup/files/backup_run.py
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - file: backup-library-group_backup-managed

backup-library-settings-stored:
  backup.settings_stored:
    - name: settings
{%- if tls.source == 'ca' %}
    - require:
      - sls: tls.trusted
{%- endif %}
