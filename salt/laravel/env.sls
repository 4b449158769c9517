{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.shared

# Secrets are named by their pillar keys here, and read when the file is written.
laravel-env-present:
  laravel.env_present:
    - name: {{ laravel.directory }}/shared/.env
    - values: {{ laravel.env | json }}
    - secrets: {{ laravel.secrets_from | json }}
    - user: root
    - group: {{ laravel.group }}
    - mode: '0640'
    - only: True
    - require:
      - sls: laravel.shared
