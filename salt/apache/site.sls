{%- from 'apache/map.jinja' import apache, judged with context %}
{%- from 'laravel/map.jinja' import laravel with context %}
{%- from 'php/map.jinja' import php with context %}

include:
  - apache.package
  - apache.modules
  - apache.config
  - apache.tls
  - php.package

apache-site-default-absent:
  file.absent:
    - name: {{ apache.config }}/sites-enabled/000-default.conf
    - require:
      - sls: apache.package

# Not before PHP is there: the site would have nobody to ask.
apache-site-managed:
  web_server.managed:
    - name: {{ apache.config }}/sites-available/conduit.conf
    - source: salt://apache/files/site.conf.jinja
    - context:
        apache: {{ apache | json }}
        directory: {{ laravel.directory }}
        socket: {{ php.socket }}
        health: {{ salt['cluster.web']().health | json }}
    - tree: {{ judged.tree }}
    - check: {{ judged.check | json }}
    - links: {{ (judged.links + ['sites-enabled/conduit.conf']) | json }}
{%- set certificate = [apache.tls.certificate, apache.tls.key] if apache.tls.certificate else [] %}
    - awaits: {{ (judged.awaits + certificate) | json }}
    - require:
      - sls: apache.modules
{%- if apache.tls.certificate %}
      - sls: apache.tls
{%- endif %}
      - sls: php.package
      - web_server: apache-config-hardening-managed

apache-site-enabled:
  file.symlink:
    - name: {{ apache.config }}/sites-enabled/conduit.conf
    - target: ../sites-available/conduit.conf
    - require:
      - web_server: apache-site-managed
