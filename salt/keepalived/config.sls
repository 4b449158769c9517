{%- set keepalived = salt['formula.settings']('keepalived') %}

include:
  - keepalived.install

keepalived-config-file-managed:
  file.managed:
    - name: {{ keepalived.config }}
    - source: salt://keepalived/files/keepalived.conf.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - context:
        keepalived: {{ keepalived | json }}
        balancer: {{ salt['cluster.balancer']() | json }}
    # keepalived takes a file that it does not understand, and then holds no address.
    - check_cmd: keepalived --config-test --use-file
    - require:
      - sls: keepalived.install
