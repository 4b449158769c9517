{%- from 'composer/map.jinja' import composer with context %}
{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - php.package
  - composer
  - laravel.builder
  - laravel.auth
{%- if not laravel.source.startswith('salt://') %}
  - laravel.known_hosts
{%- endif %}
  - laravel.env

{%- if laravel.npm %}

laravel-release-npm:
  pkg.installed:
    - name: npm
    - install_recommends: False
    - require_in:
      - laravel_release: laravel-release-built
{%- endif %}
{%- if composer.repository == 'debian' %}

# A repository that was made anew may have other packages under the same names: what was locked with
# the one before is resolved again.
laravel-release-lock-forgotten:
  file.absent:
    - name: {{ laravel.directory }}/shared/.composer.json
    - onchanges:
      - command: composer-repository-built
    - require_in:
      - laravel_release: laravel-release-built
{%- endif %}
{%- if not laravel.source.startswith('salt://') %}

laravel-release-git:
  pkg.installed:
    - pkgs: [git, openssh-client]
    - install_recommends: False
    - require_in:
      - laravel_release: laravel-release-built
{%- endif %}

laravel-release-built:
  laravel_release.built:
    - name: {{ laravel.directory }}
    - source: {{ laravel.source }}
    - rev: {{ laravel.rev | json }}
    - exclude: {{ laravel.exclude | json }}
    - dev: {{ laravel.dev }}
    - build: {{ laravel.build | string | json }}
    - identity: {{ laravel.identity | json }}
    - composer_home: {{ composer.home }}
    - cache: {{ composer.cache }}
    - release: {{ laravel.release | string | json }}
    - build_user: {{ laravel.build_user }}
    - npm: {{ laravel.npm | json }}
    - hooks: {{ laravel.hooks | json }}
    - require:
      - sls: php.package
      - sls: composer
      - sls: laravel.builder
{%- if composer.auth_from %}
      - sls: laravel.auth
{%- endif %}
{%- if not laravel.source.startswith('salt://') %}
      - sls: laravel.known_hosts
{%- endif %}
      - sls: laravel.env
