{%- set keepalived = salt['formula.settings']('keepalived') %}

keepalived-install-pkg-installed:
  pkg.installed:
    - pkgs: {{ keepalived.packages | json }}

# keepalived's checks are no business of root's.
keepalived-install-user-present:
  user.present:
    - name: {{ keepalived.user }}
    - system: true
    - home: /nonexistent
    - createhome: false
    - shell: /usr/sbin/nologin

keepalived-install-packages-held:
  packages.held:
    - name: keepalived
    - hold: {{ keepalived.hold | json }}
    - require:
      - pkg: keepalived-install-pkg-installed

# After an update of a library a restart would move the address; orch.restart does it in turns.
keepalived-install-needrestart-managed:
  file.managed:
    - name: /etc/needrestart/conf.d/keepalived.conf
    - contents:
      - '# Managed by Salt.'
      - $nrconf{override_rc}{qr'^{{ keepalived.service | regex_escape }}\.service$'} = 0;
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
