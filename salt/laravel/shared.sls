{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - php.package

laravel-shared-directories:
  file.directory:
    - names:
      - {{ laravel.directory }}
      - {{ laravel.directory }}/releases
      - {{ laravel.directory }}/shared
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: True

# What outlives a release, and the only place that the web server may write.
laravel-shared-storage:
  file.directory:
    - names:
      - {{ laravel.directory }}/shared/storage
      - {{ laravel.directory }}/shared/storage/app
      - {{ laravel.directory }}/shared/storage/framework
      - {{ laravel.directory }}/shared/storage/framework/cache
      - {{ laravel.directory }}/shared/storage/framework/cache/data
      - {{ laravel.directory }}/shared/storage/framework/sessions
      - {{ laravel.directory }}/shared/storage/framework/views
      - {{ laravel.directory }}/shared/storage/logs
    - user: {{ laravel.user }}
    - group: {{ laravel.group }}
    - mode: '0750'
    - require:
      - sls: php.package
      - file: laravel-shared-directories
