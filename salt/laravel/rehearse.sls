{%- set chosen = salt['formula.settings']('laravel').chosen %}

include:
  - laravel.release
  - laravel.keys
{%- for application in chosen %}

# Before anything is migrated: what cannot serve changes no schema.
{{ application.id }}-rehearse-answers:
  laravel_release.rehearsed:
    - name: {{ application.directory }}
    - pages: {{ ([application.health] + application.pages) | unique | json }}
    - user: {{ application.user }}
    - group: {{ application.group }}
    - require:
      - laravel_release: {{ application.id }}-release-built
      - laravel: {{ application.id }}-keys-{{ 'jwt' if application.jwt_secret_from else 'app' }}
{%- endfor %}
