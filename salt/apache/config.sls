{%- set apache = salt['formula.settings']('apache').apache %}
{%- set judged = salt['formula.settings']('apache').judged %}
{%- set applications = salt['formula.settings']('laravel').applications %}

include:
  - apache.package
  - apache.modules

# laravel_release.live puts the release there; until then the file is there to be read.
{%- for application in applications %}
{%- set server = salt['laravel_application.server'](application.name, application, apache, '') %}
apache-config-release{{ '' if loop.first else '-' ~ application.name }}:
  file.managed:
    - name: {{ server.map }}
    - contents: live none
    - mode: '0644'
    - replace: false
    - require:
      - sls: apache.package
{%- endfor %}

# Sorts behind Debian's own security.conf, and so has the last word.
apache-config-hardening-managed:
  web_server.managed:
    - name: {{ apache.config }}/conf-available/zz-hardening.conf
    - source: salt://apache/files/hardening.conf.jinja
    - context:
        apache: {{ apache | json }}
    - tree: {{ judged.tree }}
    - check: {{ judged.check | json }}
    - links: {{ (judged.links + ['conf-enabled/zz-hardening.conf']) | json }}
    - awaits: {{ judged.awaits | json }}
    - require:
      - sls: apache.modules

apache-config-hardening-enabled:
  file.symlink:
    - name: {{ apache.config }}/conf-enabled/zz-hardening.conf
    - target: ../conf-available/zz-hardening.conf
    - require:
      - web_server: apache-config-hardening-managed
