{%- from 'haproxy/map.jinja' import haproxy with context %}

haproxy-install-pkg-installed:
  pkg.installed:
    - name: {{ haproxy.package }}
