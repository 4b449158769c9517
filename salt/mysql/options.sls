{%- set tls = salt['mysql_tls.declared']() %}
include:
  - mysql.service
{%- if tls.source != 'none' %}
  - mysql.accounts
{%- endif %}

# The file is for the next start; a server that runs is told what it can take without one.
mysql-options-current:
  mysql_server.options_current:
    - name: options
    - require:
      - sls: mysql.service
{%- if tls.source != 'none' %}

# No session ends: who connects from now on is shown the file's. A server without accounts greets
# nobody, and shows nothing.
mysql-options-certificate-shown:
  mysql_tls.certificate_shown:
    - name: {{ tls.certificate }}
    - require:
      - mysql_server: mysql-options-current
      - sls: mysql.accounts
{%- endif %}
