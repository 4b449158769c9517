{%- from 'composer/map.jinja' import composer with context %}
{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - php.package
  - composer
  - laravel.code
  - laravel.storage

laravel-dependencies-installed:
  laravel.dependencies_installed:
    - name: {{ laravel.directory }}
    - dev: {{ laravel.dev }}
    - composer_home: {{ composer.home }}
    - cache: {{ composer.cache }}
    - require:
      - sls: php.package
      - sls: composer
      - sls: laravel.code
      - sls: laravel.storage
