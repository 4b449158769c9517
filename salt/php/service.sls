{%- from 'php/map.jinja' import php with context %}

include:
  - php.config

# Runs, and fails with php-fpm's own words, only if the configuration is no good.
php-service-config-good:
  cmd.run:
    - name: {{ php.binary }} --test
    - unless: test ! -x {{ php.binary }} || {{ php.binary }} --test
    - require:
      - sls: php.config

php-service-running:
  service.running:
    - name: {{ php.service }}
    - enable: True
    - reload: True
    - require:
      - cmd: php-service-config-good
    - watch:
      - file: php-config-ini
      - file: php-config-pool
