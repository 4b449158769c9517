{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.migrate

laravel-seed-seeded:
  laravel.seeded:
    - name: {{ laravel.directory }}
    - seeder: {{ laravel.seeder }}
    - node: {{ laravel.migrate_on }}
    - user: {{ laravel.user }}
    - require:
      - sls: laravel.migrate
