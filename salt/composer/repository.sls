{%- set composer = salt['formula.settings']('composer') %}
{%- set script = '/usr/local/lib/composer/debian_composer_repository.py' %}
{%- set arguments = composer.directory ~ ' ' ~ composer.packages | join(' ') %}

include:
  - composer.package

composer-repository-extensions:
  pkg.installed:
    - pkgs: {{ composer.extensions | json }}
    - install_recommends: false

composer-repository-script:
  file.managed:
    - name: {{ script }}
    - source: salt://composer/files/debian_composer_repository.py
    - mode: '0755'
    - makedirs: true

# Debian's packages are downloaded and repacked; none is installed.
composer-repository-built:
  command.run:
    - name: python3 {{ script }} {{ arguments }}
    - check: python3 {{ script }} --check {{ arguments }}
    - require:
      - pkg: composer-repository-extensions
      - file: composer-repository-script

composer-repository-used:
  file.managed:
    - name: {{ composer.home }}/config.json
    - source: salt://composer/files/config.json.jinja
    - template: jinja
    - mode: '0644'
    - context:
        directory: {{ composer.directory }}
    - require:
      - command: composer-repository-built
      - file: composer-package-directories
