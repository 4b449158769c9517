{%- from 'apache/map.jinja' import apache with context %}

include:
  - apache.package

# Apache gets the release by its own path: through a link, PHP would go on serving the release
# before for as long as it remembers where the link led. laravel.release_live puts it there; until
# then the file is there to be read.
apache-config-release:
  file.managed:
    - name: {{ apache.release_config }}
    - source: salt://apache/files/release.conf.jinja
    - template: jinja
    - mode: '0644'
    - replace: False
    - context:
        apache: {{ apache | json }}
        directory: /var/www/html
    - require:
      - sls: apache.package

# Sorts behind Debian's own security.conf, and so has the last word.
apache-config-hardening:
  file.managed:
    - name: {{ apache.config }}/conf-available/zz-hardening.conf
    - source: salt://apache/files/hardening.conf.jinja
    - template: jinja
    - mode: '0644'
    - context:
        apache: {{ apache | json }}
    - require:
      - sls: apache.package

{%- for name in ['000-release', 'zz-hardening'] %}

apache-config-{{ name }}-enabled:
  file.symlink:
    - name: {{ apache.config }}/conf-enabled/{{ name }}.conf
    - target: ../conf-available/{{ name }}.conf
    - require:
      - file: apache-config-release
      - file: apache-config-hardening
{%- endfor %}
