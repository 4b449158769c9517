{%- from 'keepalived/map.jinja' import keepalived with context %}

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
