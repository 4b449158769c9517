{%- set apache = salt['formula.settings']('apache').apache %}
{%- set judged = salt['formula.settings']('apache').judged %}
{%- set applications = salt['formula.settings']('laravel').applications %}
{%- set php = salt['formula.settings']('php').php %}

include:
  - apache.package
  - apache.modules
  - apache.config
  - apache.tls
  - php.service

apache-site-default-absent:
  file.absent:
    - name: {{ apache.config }}/sites-enabled/000-default.conf
    - require:
      - sls: apache.package
{%- set certificate = [apache.tls.certificate, apache.tls.key] if apache.tls.certificate else [] %}
{%- for application in applications %}
{%- set id = 'apache-site' ~ ('' if loop.first else '-' ~ application.name) %}
{%- set server = salt['laravel_application.server'](application.name, application, apache, php.socket) %}

# Not before PHP is there: the site would have nobody to ask.
{{ id }}-managed:
  web_server.managed:
    - name: {{ apache.config }}/sites-available/{{ server.site }}
    - source: salt://apache/files/site.conf.jinja
    - context:
        apache: {{ apache | json }}
        server: {{ server | json }}
        directory: {{ application.directory }}
        health: {{ salt['cluster.web']().health | json }}
    - tree: {{ judged.tree }}
    - check: {{ judged.check | json }}
    - links: {{ (judged.links + ['sites-enabled/' ~ server.site]) | json }}
    - awaits: {{ (judged.awaits + certificate + ([] if loop.first else [server.map])) | json }}
    - require:
      - sls: apache.modules
{%- if apache.tls.certificate %}
      - sls: apache.tls
{%- endif %}
      # A site is led to no php-fpm that does not run.
      - sls: php.service
      - web_server: apache-config-hardening-managed
{%- if not loop.first %}
      - file: apache-config-release-{{ application.name }}
{%- endif %}

{{ id }}-enabled:
  file.symlink:
    - name: {{ apache.config }}/sites-enabled/{{ server.site }}
    - target: ../sites-available/{{ server.site }}
    - require:
      - web_server: {{ id }}-managed
{%- endfor %}
{%- if 'ssl' not in apache.modules %}

# Left from when the pillar had a certificate: Apache would answer port 443 without TLS. Last, when no
# site of an application has it any more.
apache-site-ssl-disabled:
  web_server.module_disabled:
    - name: ssl
    - tree: {{ judged.tree }}
    - check: {{ judged.check | json }}
    - require:
      - web_server: apache-site-managed
{%- endif %}
