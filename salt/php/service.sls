{%- set applications = salt['formula.settings']('laravel').applications %}
{%- set php = salt['formula.settings']('php').php %}

include:
  - php.config

# Fails with php-fpm's own words if the configuration is no good.
php-service-config-good:
  command.succeeds:
    - name: {{ php.binary }} --test
    - require:
      - sls: php.config

php-service-running:
  service.running:
    - name: {{ php.service }}
    - enable: true
    - reload: true
    - require:
      - command: php-service-config-good
    - watch:
      - web_server: php-config-ini-managed
      - web_server: php-config-pool-managed
{%- for application in applications[1:] %}
      - web_server: php-config-pool-{{ application.name }}-managed
{%- endfor %}
