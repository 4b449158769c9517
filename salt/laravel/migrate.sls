{%- set chosen = salt['formula.settings']('laravel').chosen %}

include:
  - laravel.release
  - laravel.keys
  - laravel.rehearse
{%- for application in chosen %}

{{ application.id }}-migrate-migrated:
  laravel.migrated:
    - name: {{ application.directory }}
    - node: {{ application.migrate_on }}
    - wait: {{ application.wait }}
    - user: {{ application.user }}
    - timeout: {{ application.timeout | json }}
    - schema_user: {{ application.schema_user }}
    - schema_password_from: {{ application.schema_password_from }}
    - require:
      - laravel_release: {{ application.id }}-release-built
      - laravel: {{ application.id }}-keys-{{ 'jwt' if application.jwt_secret_from else 'app' }}
      - laravel_release: {{ application.id }}-rehearse-answers
{%- endfor %}
