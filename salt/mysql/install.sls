{%- set mysql = salt['formula.settings']('mysql') %}
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

# Else all members would be upgraded, and so restarted, in the same night; orch.upgrade takes turns.
mysql-packages-held:
  packages.held:
    - name: {{ mysql.package }}
    - hold: {{ salt['pillar.get']('mysql:hold', true) | json }}
    - require:
      - pkg: mysql-package-installed
