{%- set chosen = salt['formula.settings']('laravel').chosen %}

include:
  - laravel.env
  - laravel.release
{%- for application in chosen %}

{{ application.id }}-keys-app:
  laravel.key_present:
    - name: {{ application.directory }}
    - secret: {{ application.app_key_from }}
    - shared: {{ application.shared }}
    - user: {{ application.user }}
    - require:
      - laravel: {{ application.id }}-env-present
      - laravel_release: {{ application.id }}-release-built
{%- if application.jwt_secret_from %}

{{ application.id }}-keys-jwt:
  laravel.jwt_secret_present:
    - name: {{ application.directory }}
    - secret: {{ application.jwt_secret_from }}
    - accepted: {{ application.jwt_accepted_from | json }}
    - accepted_until: {{ application.jwt_accepted_until | string | json }}
    - shared: {{ application.shared }}
    - user: {{ application.user }}
    - require:
      - laravel: {{ application.id }}-keys-app
{%- endif %}
{%- endfor %}
