{%- set tls = salt['mysql_tls.declared']() %}
{%- if tls.source == 'ca' %}
tls-trusted-directory-present:
  file.directory:
    - name: {{ tls.directory }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true

tls-trusted-authority-present:
  mysql_tls.authority_trusted:
    - name: {{ tls.ca }}
    - require:
      - file: tls-trusted-directory-present
{%- else %}
{}
{%- endif %}
