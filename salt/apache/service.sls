{%- set apache = salt['formula.settings']('apache').apache %}

include:
  - apache.modules
  - apache.config
  - apache.site
  - apache.tls

# Fails with Apache's own words if the configuration is no good: then the server goes on with the
# one it has.
apache-service-config-good:
  command.succeeds:
    - name: /usr/sbin/apache2ctl configtest
    - require:
      - sls: apache.modules
      - sls: apache.config
      - sls: apache.site
{%- if apache.tls.certificate %}
      - web_server: apache-tls-certificate-good
{%- endif %}

apache-service-running:
  service.running:
    - name: {{ apache.service }}
    - enable: true
    - reload: true
    - require:
      - command: apache-service-config-good
    - watch:
      - sls: apache.modules
      - sls: apache.config
      - sls: apache.site
{%- if apache.tls.certificate %}

# A certificate that was renewed: nothing else of the configuration changes with it.
apache-service-certificate-served:
  web_server.certificate_served:
    - name: {{ apache.tls.certificate }}
    - key: {{ apache.tls.key }}
    - host: {{ apache.server_name }}
    - service: {{ apache.service }}
    - require:
      - service: apache-service-running
{%- endif %}
