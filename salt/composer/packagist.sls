{%- set composer = salt['formula.settings']('composer') %}

include:
  - composer.package

# Left from when packages came from Debian's: it forbids Packagist. A file of the site's own stays.
composer-packagist-allowed:
  file.absent:
    - name: {{ composer.home }}/config.json
    - onlyif:
      - fun: file.contains
        path: {{ composer.home }}/config.json
        text: file://{{ composer.directory }}"
    - require:
      - file: composer-package-directories
