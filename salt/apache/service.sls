{%- from 'apache/map.jinja' import apache with context %}

include:
  - apache.modules
  - apache.config
  - apache.site

# Runs, and fails with Apache's own words, only if the configuration is no good: then the server
# goes on with the one it has.
apache-service-config-good:
  cmd.run:
    - name: apache2ctl configtest
    - unless: test ! -x /usr/sbin/apache2ctl || apache2ctl configtest
    - require:
      - sls: apache.config
      - sls: apache.site

apache-service-running:
  service.running:
    - name: {{ apache.service }}
    - enable: True
    - reload: True
    - require:
      - cmd: apache-service-config-good
    - watch:
      - sls: apache.config
      - sls: apache.site
