{%- from 'laravel/map.jinja' import laravel with context %}

laravel-code-present:
  file.recurse:
    - name: {{ laravel.directory }}
    - source: {{ laravel.source }}
    - user: root
    - group: root
    - dir_mode: '0755'
    - file_mode: '0644'
    - clean: True
    - exclude_pat: {{ laravel.exclude | json }}
