{%- set mysql = salt['formula.settings']('mysql') %}
{%- set tls = salt['mysql_tls.declared']() %}

include:
  - mysql.config
{%- if tls.source == 'ca' %}
  - mysql.certificate
{%- endif %}

# Debian keeps the server in a package of its own, whose installation starts and makes nothing. With
# a data directory there, the other package's scripts make none: theirs is sometimes not whole.
mysql-data-server-core-installed:
  pkg.installed:
    - name: {{ mysql.core_package }}
    - install_recommends: false
    - require:
      - sls: mysql.config

# As the package would.
mysql-data-user-present:
  user.present:
    - name: mysql
    - system: true
    - home: /nonexistent
    - createhome: false
    - shell: /bin/false

mysql-data-directory-initialized:
  mysql_server.data_initialized:
    - name: {{ mysql.data_directory }}
    - option_file: {{ mysql.config_file }}
    - require:
      - pkg: mysql-data-server-core-installed
      - user: mysql-data-user-present
{%- if tls.source == 'ca' %}
      # The option file names it, and is read.
      - mysql_tls: mysql-certificate-current
{%- endif %}
