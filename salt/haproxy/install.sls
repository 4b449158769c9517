{%- set haproxy = salt['formula.settings']('haproxy') %}

haproxy-install-pkg-installed:
  pkg.installed:
    - name: {{ haproxy.package }}

haproxy-install-packages-held:
  packages.held:
    - name: {{ haproxy.package }}
    - hold: {{ haproxy.hold | json }}
    - require:
      - pkg: haproxy-install-pkg-installed

# After an update of a library a restart would cut every connection; a machine without needrestart
# has no use for it, and one that gets it later reads it from then on.
haproxy-install-needrestart-managed:
  file.managed:
    - name: /etc/needrestart/conf.d/haproxy.conf
    - contents:
      - '# Managed by Salt.'
      - $nrconf{override_rc}{qr'^{{ haproxy.service | regex_escape }}\.service$'} = 0;
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
