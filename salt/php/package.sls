{%- set php = salt['formula.settings']('php').php %}

php-package-installed:
  pkg.installed:
    - pkgs: {{ php.packages | json }}
    - install_recommends: false

php-package-held:
  packages.held:
    - name: {{ php.service }}
    - hold: {{ php.hold | json }}
    - require:
      - pkg: php-package-installed

# After an update of a library a restart would fail requests; orch.restart does it in turns.
php-package-needrestart-managed:
  file.managed:
    - name: /etc/needrestart/conf.d/php.conf
    - contents:
      - '# Managed by Salt.'
      - $nrconf{override_rc}{qr'^{{ php.service | regex_escape }}\.service$'} = 0;
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
