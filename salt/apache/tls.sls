{%- set apache = salt['formula.settings']('apache').apache %}

include:
  - apache.package

{%- if apache.tls.self_signed %}

apache-tls-openssl:
  pkg.installed:
    - name: openssl
    - install_recommends: false

# Good for ten years, and made once: it is for a lab, where nobody checks whose it is.
apache-tls-self-signed:
  command.run:
    - name: >-
        openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN={{ apache.server_name }}
        -addext subjectAltName=DNS:{{ apache.server_name }}
        -keyout {{ apache.tls.key }} -out {{ apache.tls.certificate }}
    - umask: '077'
    - makes:
      - {{ apache.tls.key }}
      - {{ apache.tls.certificate }}
    - require:
      - pkg: apache-tls-openssl
{%- endif %}
{%- if apache.tls.certificate %}

# Apache's own check does not compare the two, and with two that do not fit it would not start again.
apache-tls-certificate-good:
  web_server.certificate_good:
    - name: {{ apache.tls.certificate }}
    - key: {{ apache.tls.key }}
{%- if apache.tls.self_signed %}
    - require:
      - command: apache-tls-self-signed
{%- endif %}
{%- endif %}
