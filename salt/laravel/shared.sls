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

# What outlives a release, and the only place that the web server may write. So root follows no
# link there, as file.directory would.
laravel-shared-storage:
  laravel_release.storage_present:
    - name: {{ laravel.directory }}/shared/storage
    - user: {{ laravel.user }}
    - group: {{ laravel.group }}
    - mode: '0750'
    - require:
      - sls: php.package
      - file: laravel-shared-directories
