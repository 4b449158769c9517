{%- from 'apache/map.jinja' import apache with context %}

apache-package-installed:
  pkg.installed:
    - name: {{ apache.package }}
    - install_recommends: False
