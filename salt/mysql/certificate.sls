{#- Applied where pillar cluster:tls has the master's minion sign certificates. -#}
{%- set tls = salt['mysql_tls.declared']() %}

include:
  - mysql.data
  - tls.trusted

# It stays when the certificate is renewed: the two files fit each other at any moment.
mysql-certificate-key-present:
  x509.private_key_managed:
    - name: {{ tls.key }}
    - algo: ec
    - keysize: 256
    - user: root
    - group: mysql
    - mode: '0640'
    - require:
      - sls: tls.trusted
      - user: mysql-data-user-present

mysql-certificate-current:
  mysql_tls.certificate_current:
    - name: {{ tls.certificate }}
    - require:
      - x509: mysql-certificate-key-present
