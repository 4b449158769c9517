{%- set chosen = salt['formula.settings']('laravel').chosen %}

include:
  - composer.package
  - laravel.builder
{%- for application in chosen %}
{%- set composer = application.composer %}
{%- if composer.auth_from %}
{%-   if salt['pillar.get'](composer.auth_from, none) is not mapping %}

{{ application.id }}-auth-refused:
  test.fail_without_changes:
    - name: >-
        pillar {{ composer.auth_from }}, which {{ application.place }}:composer:auth_from names, is no mapping; expected what
        Composer's auth.json has, such as http-basic with a host's username and password
{%-   else %}

# Named by its pillar key, and read when it is written. All code that a build runs can read it.
{{ application.id }}-auth-file:
  file.serialize:
    - name: {{ composer.home }}/auth.json
    - dataset_pillar: {{ composer.auth_from }}
    - serializer: json
    - user: root
    - group: {{ application.build_user }}
    - mode: '0640'
    - show_changes: false
    - require:
      - file: {{ 'composer-package-directories' if application.name == 'laravel' else application.id ~ '-builder-composer' }}
      - sls: laravel.builder
{%-   endif %}
{%- endif %}
{%- endfor %}
