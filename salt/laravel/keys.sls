{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.env
  - laravel.release

laravel-keys-app:
  laravel.key_present:
    - name: {{ laravel.directory }}
    - secret: {{ laravel.app_key_from }}
    - shared: {{ laravel.shared }}
    - user: {{ laravel.user }}
    - require:
      - sls: laravel.env
      - sls: laravel.release
{%- if laravel.jwt_secret_from %}

laravel-keys-jwt:
  laravel.jwt_secret_present:
    - name: {{ laravel.directory }}
    - secret: {{ laravel.jwt_secret_from }}
    - accepted: {{ laravel.jwt_accepted_from | json }}
    - accepted_until: {{ laravel.jwt_accepted_until | string | json }}
    - shared: {{ laravel.shared }}
    - user: {{ laravel.user }}
    - require:
      - laravel: laravel-keys-app
{%- endif %}
