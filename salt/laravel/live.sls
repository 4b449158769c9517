{%- from 'apache/map.jinja' import apache with context %}
{%- from 'laravel/map.jinja' import laravel with context %}
{%- from 'php/map.jinja' import php with context %}

include:
  - apache.service
  - php.service
  - laravel.migrate
  - laravel.seed

# Last: all that the release needs is there, and the web server is up to show that it is well.
laravel-live-release:
  laravel_release.live:
    - name: {{ laravel.directory }}
    - server:
        map: {{ apache.release_map }}
        socket: {{ php.socket }}
        health: {{ apache.scheme }}://127.0.0.1{{ laravel.health }}
        host: {{ apache.server_name }}
    - hooks: {{ laravel.hooks | json }}
    - keep: {{ laravel.keep }}
    - user: {{ laravel.user }}
    - group: {{ laravel.group }}
    - require:
      - sls: apache.service
      - sls: php.service
      - sls: laravel.migrate
{%- if laravel.seeder %}
      - sls: laravel.seed
{%- endif %}
