{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.release
  - laravel.keys

# Before anything is migrated: what cannot serve changes no schema.
laravel-rehearse-answers:
  laravel_release.rehearsed:
    - name: {{ laravel.directory }}
    - pages: {{ ([laravel.health] + laravel.pages) | unique | json }}
    - user: {{ laravel.user }}
    - group: {{ laravel.group }}
    - require:
      - sls: laravel.release
      - sls: laravel.keys
