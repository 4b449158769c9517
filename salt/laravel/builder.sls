{%- from 'composer/map.jinja' import composer with context %}
{%- from 'laravel/map.jinja' import laravel with context %}
{%- if laravel.build_user in ('root', laravel.user) %}

laravel-builder-refused:
  test.fail_without_changes:
    - name: >-
        laravel:build_user is {{ laravel.build_user }}; expected a user that is neither root nor the web server's
{%- else %}

# Runs Composer, and with it the code of every package. It owns nothing but its cache and its home,
# nobody can log in as it, and it reads no secret of the application.
laravel-builder-group:
  group.present:
    - name: {{ laravel.build_user }}
    - system: True

laravel-builder-user:
  user.present:
    - name: {{ laravel.build_user }}
    - gid: {{ laravel.build_user }}
    - groups: []
    - remove_groups: True
    - system: True
    - createhome: False
    - home: {{ laravel.build_home }}
    - shell: /usr/sbin/nologin
    - fullname: Builds releases
    - require:
      - group: laravel-builder-group

# Their parents are root's, so that the user can put no link in their place.
laravel-builder-directories:
  file.directory:
    - names:
      - {{ laravel.build_home }}
      - {{ composer.cache }}
    - user: {{ laravel.build_user }}
    - group: {{ laravel.build_user }}
    - mode: '0700'
    - makedirs: True
    - require:
      - user: laravel-builder-user
{%- endif %}
