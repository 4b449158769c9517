{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.release
  - laravel.keys
  - laravel.rehearse

laravel-migrate-migrated:
  laravel.migrated:
    - name: {{ laravel.directory }}
    - node: {{ laravel.migrate_on }}
    - wait: {{ laravel.wait }}
    - user: {{ laravel.user }}
    - timeout: {{ laravel.timeout | json }}
    - schema_user: {{ laravel.schema_user }}
    - schema_password_from: {{ laravel.schema_password_from }}
    - require:
      - sls: laravel.release
      - sls: laravel.keys
      - sls: laravel.rehearse
