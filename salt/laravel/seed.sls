{%- set chosen = salt['formula.settings']('laravel').chosen %}

include:
  - laravel.migrate
{%- for application in chosen if application.seeder %}

{{ application.id }}-seed-seeded:
  laravel.seeded:
    - name: {{ application.directory }}
    - seeder: {{ application.seeder }}
    - node: {{ application.migrate_on }}
    - user: {{ application.user }}
    - timeout: {{ application.timeout | json }}
    - schema_user: {{ application.schema_user }}
    - schema_password_from: {{ application.schema_password_from }}
    - require:
      - laravel: {{ application.id }}-migrate-migrated
{%- endfor %}
