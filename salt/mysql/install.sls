{%- from 'mysql/map.jinja' import mysql with context %}
{%- set tls = salt['mysql_tls.declared']() %}

include:
  - mysql.data
{%- if tls.source == 'ca' %}
  - mysql.certificate
{%- endif %}

mysql-package-installed:
  pkg.installed:
    - name: {{ mysql.package }}
    - install_recommends: false
    - require:
      - sls: mysql.data
{%- if tls.source == 'ca' %}
      - sls: mysql.certificate
{%- endif %}
