{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.migrate

{%- if laravel.seeder %}

laravel-seed-seeded:
  laravel.seeded:
    - name: {{ laravel.directory }}
    - seeder: {{ laravel.seeder }}
    - node: {{ laravel.migrate_on }}
    - user: {{ laravel.user }}
    - timeout: {{ laravel.timeout | json }}
    - schema_user: {{ laravel.schema_user }}
    - schema_password_from: {{ laravel.schema_password_from }}
    - require:
      - sls: laravel.migrate
{%- endif %}
