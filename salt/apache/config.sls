{%- from 'apache/map.jinja' import apache with context %}

include:
  - apache.package

# laravel_release.live puts the release there; until then the file is there to be read.
apache-config-release:
  file.managed:
    - name: {{ apache.release_map }}
    - contents: live none
    - mode: '0644'
    - replace: False
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

apache-config-hardening-enabled:
  file.symlink:
    - name: {{ apache.config }}/conf-enabled/zz-hardening.conf
    - target: ../conf-available/zz-hardening.conf
    - require:
      - file: apache-config-hardening
