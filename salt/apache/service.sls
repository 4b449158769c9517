{%- from 'apache/map.jinja' import apache with context %}

include:
  - apache.modules
  - apache.config
  - apache.site

# Fails with Apache's own words if the configuration is no good: then the server goes on with the
# one it has.
apache-service-config-good:
  command.succeeds:
    - name: /usr/sbin/apache2ctl configtest
    - require:
      - sls: apache.config
      - sls: apache.site

apache-service-running:
  service.running:
    - name: {{ apache.service }}
    - enable: True
    - reload: True
    - require:
      - command: apache-service-config-good
    - watch:
      - sls: apache.config
      - sls: apache.site
