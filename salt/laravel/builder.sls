{%- set of_all = salt['formula.settings']('composer') %}
{%- set chosen = salt['formula.settings']('laravel').chosen %}
{%- for application in chosen %}
{%- set composer = application.composer %}
{%- if application.build_user in ('root', application.user) %}

{{ application.id }}-builder-refused:
  test.fail_without_changes:
    - name: >-
        {{ application.place }}:build_user is {{ application.build_user }}; expected a user that is neither root nor the web server's
{%- else %}

# Runs Composer, and with it the code of every package. It owns nothing but its cache and its home,
# nobody can log in as it, and it reads no secret of the application.
{{ application.id }}-builder-group:
  group.present:
    - name: {{ application.build_user }}
    - system: true

{{ application.id }}-builder-user:
  user.present:
    - name: {{ application.build_user }}
    - gid: {{ application.build_user }}
    - groups: []
    - remove_groups: true
    - system: true
    - createhome: false
    - home: {{ application.build_home }}
    - shell: /usr/sbin/nologin
    - fullname: Builds releases
    - require:
      - group: {{ application.id }}-builder-group

# Their parents are root's, so that the user can put no link in their place.
{{ application.id }}-builder-directories:
  file.directory:
    - names:
      - {{ application.build_home }}
      - {{ composer.cache }}
    - user: {{ application.build_user }}
    - group: {{ application.build_user }}
    - mode: '0700'
    - makedirs: true
    - require:
      - user: {{ application.id }}-builder-user
{%- endif %}
{%- if application.name != 'laravel' %}

# Its own: another application's credentials are there, too.
{{ application.id }}-builder-composer:
  file.directory:
    - name: {{ composer.home }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
{%- if of_all.repository == 'debian' %}

{{ application.id }}-builder-repository:
  file.managed:
    - name: {{ composer.home }}/config.json
    - source: salt://composer/files/config.json.jinja
    - template: jinja
    - mode: '0644'
    - context:
        directory: {{ of_all.directory }}
    - require:
      - file: {{ application.id }}-builder-composer
{%- else %}

{{ application.id }}-builder-packagist:
  file.absent:
    - name: {{ composer.home }}/config.json
    - onlyif:
      - fun: file.contains
        path: {{ composer.home }}/config.json
        text: file://{{ of_all.directory }}"
    - require:
      - file: {{ application.id }}-builder-composer
{%- endif %}
{%- endif %}
{%- endfor %}
