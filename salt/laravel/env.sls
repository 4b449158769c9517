{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - php.package
  - laravel.code

# Secrets are named by their pillar keys here, and read when the file is written.
laravel-env-present:
  laravel.env_present:
    - name: {{ laravel.directory }}/.env
    - values: {{ laravel.env | json }}
    - secrets: {{ laravel.secrets_from | json }}
    - user: root
    - group: {{ laravel.group }}
    - mode: '0640'
    - require:
      - sls: php.package
      - sls: laravel.code
