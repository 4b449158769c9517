{%- set mysql = salt['formula.settings']('mysql') %}
{%- set layout = salt['backup.layout']() %}

include:
  - backup.config

# As the package would.
backup-server-user-present:
  user.present:
    - name: mysql
    - system: true
    - home: /nonexistent
    - createhome: false
    - shell: /bin/false

# Root alone changes what is in it, whoever owns the folders below.
backup-server-directory-present:
  file.directory:
    - name: {{ layout.directory }}
    - user: root
    - group: mysql
    - mode: '0750'
    - require:
      - user: backup-server-user-present

backup-server-archive-present:
  file.directory:
    - name: {{ layout.archive }}
    - user: mysql
    - group: mysql
    - mode: '0750'
    - require:
      - file: backup-server-directory-present

backup-server-core-installed:
  pkg.installed:
    - name: {{ mysql.core_package }}
    - install_recommends: false
    - require:
      - sls: backup.config

backup-server-data-initialized:
  mysql_server.data_initialized:
    - name: {{ mysql.data_directory }}
    - option_file: {{ mysql.config_file }}
    - require:
      - pkg: backup-server-core-installed
      - file: backup-server-archive-present

backup-server-package-installed:
  pkg.installed:
    - name: {{ mysql.package }}
    - install_recommends: false
    - require:
      - mysql_server: backup-server-data-initialized

# It serves nobody: a restart costs a moment in which the group's members keep what is new.
backup-server-running:
  service.running:
    - name: {{ mysql.service }}
    - enable: true
    - require:
      - pkg: backup-server-package-installed
    - watch:
      - file: backup-config-file-managed
