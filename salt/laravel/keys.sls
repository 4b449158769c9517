{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.dependencies
  - laravel.env

laravel-keys-app:
  laravel.key_present:
    - name: {{ laravel.directory }}
    - secret: {{ laravel.app_key_from }}
    - user: {{ laravel.user }}
    - require:
      - sls: laravel.dependencies
      - sls: laravel.env

laravel-keys-jwt:
  laravel.jwt_secret_present:
    - name: {{ laravel.directory }}
    - secret: {{ laravel.jwt_secret_from }}
    - user: {{ laravel.user }}
    - require:
      - laravel: laravel-keys-app
