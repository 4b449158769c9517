{%- from 'php/map.jinja' import judged, php with context %}

include:
  - php.package

{#- The packaged pool stays as it is; a section that is named again adds to it. #}
{%- for id, name, template, context in [
  ('ini', 'conf.d/90-application.ini', 'php.ini', {'ini': php.ini}),
  ('pool', 'pool.d/zz-application.conf', 'fpm.conf', {'fpm': php.fpm}),
] %}

php-config-{{ id }}-managed:
  web_server.managed:
    - name: {{ php.config }}/{{ name }}
    - source: salt://php/files/{{ template }}.jinja
    - context: {{ context | json }}
    - tree: {{ judged.tree }}
    - check: {{ judged.check | json }}
    - awaits: {{ judged.awaits | json }}
    - require:
      - sls: php.package
{%- endfor %}
