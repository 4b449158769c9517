{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.release
  - laravel.keys

laravel-migrate-migrated:
  laravel.migrated:
    - name: {{ laravel.directory }}
    - node: {{ laravel.migrate_on }}
    - wait: {{ laravel.wait }}
    - user: {{ laravel.user }}
    - require:
      - sls: laravel.release
      - sls: laravel.keys
