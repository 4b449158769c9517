{%- set applications = salt['formula.settings']('laravel').applications %}
{%- set judged = salt['formula.settings']('php').judged %}
{%- set php = salt['formula.settings']('php').php %}

include:
  - php.package
{%- if applications | length > 1 %}
  - laravel.users
{%- endif %}

{%- set ini = dict(php.ini) %}
{%- if applications | length > 1 %}
{#- All pools share one code cache: none may read there what the system keeps from its user. #}
{%- do ini.setdefault('opcache.validate_permission', 'On') %}
{%- endif %}
{#- The packaged pool stays as it is; a section that is named again adds to it. #}
{%- set files = [
  ('ini', 'conf.d/90-application.ini', 'php.ini', {'ini': ini}, []),
  ('pool', 'pool.d/zz-application.conf', 'fpm.conf', {'fpm': php.fpm}, []),
] %}
{%- for application in applications[1:] %}
{%- do files.append((
  'pool-' ~ application.name,
  'pool.d/zz-' ~ application.id ~ '.conf',
  'pool.conf',
  {
    'id': application.id,
    'user': application.user,
    'group': application.group,
    'socket': salt['laravel_application.server'](application.name, application, {'config': ''}, '').socket,
    'max_children': application.max_children or php.fpm.max_children,
    'directory': application.directory,
  },
  [application.id],
)) %}
{%- endfor %}
{%- for id, name, template, context, users in files %}

php-config-{{ id }}-managed:
  web_server.managed:
    - name: {{ php.config }}/{{ name }}
    - source: salt://php/files/{{ template }}.jinja
    - context: {{ context | json }}
    - tree: {{ judged.tree }}
    - check: {{ judged.check | json }}
    - awaits: {{ (judged.awaits + users | map('regex_replace', '^', '/var/lib/') | list) | json }}
    - require:
      - sls: php.package
{%- for user in users %}
      - file: {{ user }}-users-home
{%- endfor %}
{%- endfor %}
