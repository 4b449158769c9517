{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.dependencies
  - laravel.keys

laravel-migrate-migrated:
  laravel.migrated:
    - name: {{ laravel.directory }}
    - user: {{ laravel.user }}
    - require:
      - sls: laravel.dependencies
      - sls: laravel.keys
