{%- set composer = salt['formula.settings']('composer') %}
{%- set chosen = salt['formula.settings']('laravel').chosen %}
{#- Where an application's source is no folder of the file server, git fetches it. #}
{%- set fetched = chosen | rejectattr('source', 'match', 'salt://') | list %}

include:
  - php.package
  - composer
  - laravel.builder
  - laravel.auth
{%- if fetched %}
  - laravel.known_hosts
{%- endif %}
  - laravel.env

{%- if chosen | selectattr('npm') | list %}

laravel-release-npm:
  pkg.installed:
    - name: npm
    - install_recommends: false
{%- endif %}
{%- if fetched %}

laravel-release-git:
  pkg.installed:
    - pkgs: [git, openssh-client]
    - install_recommends: false
{%- endif %}
{%- for application in chosen %}
{%- set has_auth = salt['pillar.get'](application.composer.auth_from or '', none) is mapping %}
{%- if composer.repository == 'debian' %}

# A repository that was made anew may have other packages under the same names: what was locked with
# the one before is resolved again.
{{ application.id }}-release-lock-forgotten:
  file.absent:
    - name: {{ application.directory }}/shared/.composer.json
    - onchanges:
      - command: composer-repository-built
    - require_in:
      - laravel_release: {{ application.id }}-release-built
{%- endif %}

{{ application.id }}-release-built:
  laravel_release.built:
    - name: {{ application.directory }}
    - source: {{ application.source }}
    - rev: {{ application.rev | json }}
    - exclude: {{ application.exclude | json }}
    - dev: {{ application.dev }}
    - build: {{ application.build | string | json }}
    - identity: {{ application.identity | json }}
    - composer_home: {{ application.composer.home }}
    - cache: {{ application.composer.cache }}
    - release: {{ application.release | string | json }}
    - build_user: {{ application.build_user }}
    - npm: {{ application.npm | json }}
    - hooks: {{ application.hooks | json }}
    - shared_folders: {{ application.shared_folders | json }}
    - network: {{ application.build_network | json }}
    - require:
      - sls: php.package
      - sls: composer
      - sls: laravel.builder
{%- if application.composer.auth_from %}
      - {{ 'file' if has_auth else 'test' }}: {{ application.id }}-auth-{{ 'file' if has_auth else 'refused' }}
{%- endif %}
{%- if application.npm %}
      - pkg: laravel-release-npm
{%- endif %}
{%- if application in fetched %}
      - pkg: laravel-release-git
      - sls: laravel.known_hosts
{%- endif %}
      - laravel: {{ application.id }}-env-present
{%- endfor %}
