{%- set composer = salt['formula.settings']('composer') %}

composer-package-installed:
  pkg.installed:
    - pkgs:
      - composer
      - unzip
    - install_recommends: false

composer-package-directories:
  file.directory:
    - name: {{ composer.home }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
