{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - php.package
  - laravel.code

# The only place that the web server may write.
laravel-storage-owned:
  file.directory:
    - names:
      - {{ laravel.directory }}/storage
      - {{ laravel.directory }}/storage/app
      - {{ laravel.directory }}/storage/framework
      - {{ laravel.directory }}/storage/framework/cache
      - {{ laravel.directory }}/storage/framework/cache/data
      - {{ laravel.directory }}/storage/framework/sessions
      - {{ laravel.directory }}/storage/framework/views
      - {{ laravel.directory }}/storage/logs
    - user: {{ laravel.user }}
    - group: {{ laravel.group }}
    - mode: '0750'
    - require:
      - sls: php.package
      - sls: laravel.code

# Written by Composer's scripts, which run as root.
laravel-storage-bootstrap:
  file.directory:
    - name: {{ laravel.directory }}/bootstrap/cache
    - user: root
    - group: root
    - mode: '0755'
    - require:
      - sls: laravel.code
