{%- set apache = salt['formula.settings']('apache').apache %}

apache-package-installed:
  pkg.installed:
    - name: {{ apache.package }}
    - install_recommends: false

apache-package-held:
  packages.held:
    - name: {{ apache.package }}
    - hold: {{ apache.hold | json }}
    - require:
      - pkg: apache-package-installed

# After an update of a library a restart would fail requests; orch.restart does it in turns.
apache-package-needrestart-managed:
  file.managed:
    - name: /etc/needrestart/conf.d/apache.conf
    - contents:
      - '# Managed by Salt.'
      - $nrconf{override_rc}{qr'^{{ apache.service | regex_escape }}\.service$'} = 0;
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
