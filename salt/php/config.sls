{%- from 'php/map.jinja' import php with context %}

include:
  - php.package

php-config-ini:
  file.managed:
    - name: {{ php.config }}/conf.d/90-application.ini
    - source: salt://php/files/php.ini.jinja
    - template: jinja
    - mode: '0644'
    - context:
        ini: {{ php.ini | json }}
    - require:
      - sls: php.package

# The packaged pool stays as it is; a section that is named again adds to it.
php-config-pool:
  file.managed:
    - name: {{ php.config }}/pool.d/zz-application.conf
    - source: salt://php/files/fpm.conf.jinja
    - template: jinja
    - mode: '0644'
    - context:
        fpm: {{ php.fpm | json }}
    - require:
      - sls: php.package
