{%- from 'apache/map.jinja' import apache with context %}
{%- from 'laravel/map.jinja' import laravel with context %}
{%- from 'php/map.jinja' import php with context %}

include:
  - apache.package
  - apache.config

apache-site-default-absent:
  file.absent:
    - name: {{ apache.config }}/sites-enabled/000-default.conf
    - require:
      - sls: apache.package

apache-site-available:
  file.managed:
    - name: {{ apache.config }}/sites-available/conduit.conf
    - source: salt://apache/files/site.conf.jinja
    - template: jinja
    - mode: '0644'
    - context:
        apache: {{ apache | json }}
        directory: {{ laravel.directory }}
        socket: {{ php.socket }}
    - require:
      - sls: apache.package

apache-site-enabled:
  file.symlink:
    - name: {{ apache.config }}/sites-enabled/conduit.conf
    - target: ../sites-available/conduit.conf
    - require:
      - file: apache-site-available
