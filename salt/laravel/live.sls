{%- set apache = salt['formula.settings']('apache').apache %}
{%- set chosen = salt['formula.settings']('laravel').chosen %}
{%- set php = salt['formula.settings']('php').php %}

include:
  - apache.service
  - php.service
  - laravel.migrate
  - laravel.seed
{%- for application in chosen %}
{%- set server = salt['laravel_application.server'](application.name, application, apache, php.socket) %}

# Last: all that the release needs is there, and the web server is up to show that it is well.
{{ application.id }}-live-release:
  laravel_release.live:
    - name: {{ application.directory }}
    - server:
        map: {{ server.map }}
        socket: {{ server.socket }}
        health: {{ apache.scheme }}://127.0.0.1{{ application.health }}
        host: {{ server.server_name }}
    - hooks: {{ application.hooks | json }}
    - keep: {{ application.keep }}
    - user: {{ application.user }}
    - group: {{ application.group }}
    - require:
      - sls: apache.service
      - sls: php.service
      - laravel: {{ application.id }}-migrate-migrated
{%- if application.seeder %}
      - laravel: {{ application.id }}-seed-seeded
{%- endif %}
{%- endfor %}
