{%- set mysql = salt['formula.settings']('mysql') %}

# A machine without needrestart has no use for it, and one that gets it later reads it from then on.
mysql-needrestart-override-managed:
  file.managed:
    - name: /etc/needrestart/conf.d/mysql-gr.conf
    - source: salt://mysql/files/needrestart.conf.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - context:
        service: {{ mysql.service }}
