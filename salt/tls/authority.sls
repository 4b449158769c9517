# Who has this key is taken for any member. It never leaves the machine. Only orch.authority replaces
# it: a new one has to be trusted everywhere first (docs/certificates.md).
tls-authority-directory-present:
  file.directory:
    - name: /etc/mysql-gr-ca
    - user: root
    - group: root
    - mode: '0700'

tls-authority-key-present:
  x509.private_key_managed:
    - name: /etc/mysql-gr-ca/ca.key
    - algo: ec
    - keysize: 256
    - user: root
    - group: root
    - mode: '0600'
    - require:
      - file: tls-authority-directory-present

tls-authority-certificate-present:
  x509.certificate_managed:
    - name: /etc/mysql-gr-ca/ca.pem
    - signing_private_key: /etc/mysql-gr-ca/ca.key
{%- for key, value in salt['mysql_authority.request']().items() %}
    - {{ key }}: {{ value | json }}
{%- endfor %}
    - days_remaining: 0
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - x509: tls-authority-key-present
