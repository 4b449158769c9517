{%- from 'php/map.jinja' import php with context %}

php-package-installed:
  pkg.installed:
    - pkgs: {{ php.packages | json }}
    - install_recommends: False
