{%- set mysql = salt['formula.settings']('mysql') %}
{%- set tls = salt['mysql_tls.declared']() %}
{%- if tls.source == 'ca' %}

include:
  - tls.trusted
{%- endif %}

# Only what this unit starts has a binary log. The package's scripts start a mysqld of their own at
# each installation and upgrade and write to it: a transaction that no other member has.
mysql-config-unit-managed:
  file.managed:
    - name: /etc/systemd/system/{{ mysql.service }}.service.d/mysql-gr-binary-log.conf
    - contents: |
        # Managed by Salt.
        [Service]
        Environment=MYSQL_GROUP_SUFFIX=-service
        [Unit]
        # Without its disk the server does not start on an empty directory.
        RequiresMountsFor={{ mysql.data_directory }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

mysql-config-unit-read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: mysql-config-unit-managed

{%- if tls.verify %}

# Whoever began to verify members that have no certificate yet would take them for dead.
mysql-config-members-verifiable:
  mysql_tls.members_verifiable:
    - name: members
{%- if tls.source == 'ca' %}
    - require:
      - sls: tls.trusted
{%- endif %}
{%- elif tls.source == 'none' %}

# A server with a certificate and one without refuse each other: all would be left out, one by one.
mysql-config-certificates-unused:
  mysql_tls.certificates_unused:
    - name: certificates
{%- endif %}

# Before the package: its first start must be read only and write no transaction of its own, or the
# server would hold what the group does not have. A running server is never restarted by a change.
mysql-config-file-managed:
  file.managed:
    - name: {{ mysql.config_file }}
    - source: salt://mysql/files/group-replication.cnf.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    # A server that is installed judges its options itself, before they are in place: a misspelt one
    # would be found by the next restart, on all members together. It does so from its data
    # directory; where there is none yet, the one that is made with this file is the judge.
    - check_cmd: >-
        sh -c 'command -v mysqld > /dev/null && [ -d {{ mysql.data_directory }} ] || exit 0;
        exec mysqld --defaults-file="$0" --defaults-group-suffix=-service --user=mysql
        --validate-config 2>&1'
    - context:
        package: {{ mysql.package }}
    - require:
      - module: mysql-config-unit-read
{%- if tls.verify %}
      - mysql_tls: mysql-config-members-verifiable
{%- elif tls.source == 'none' %}
      - mysql_tls: mysql-config-certificates-unused
{%- endif %}
