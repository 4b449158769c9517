{%- set chosen = salt['formula.settings']('laravel').chosen %}
{%- set tls = salt['mysql_tls.declared']() %}

include:
  - laravel.shared
{%- if tls.source == 'ca' %}
  - tls.trusted
{%- endif %}
{%- for application in chosen %}
{%- if tls.verify and application.env.get('DB_HOST') %}

# A database that shows no certificate of its own yet would be away for the application.
{{ application.id }}-env-database-verifiable:
  mysql_tls.server_verifiable:
    - name: {{ application.env.DB_HOST | json }}
    - port: {{ application.env.get('DB_PORT', 3306) | json }}
    - ca: {{ application.env.MYSQL_ATTR_SSL_CA | json }}
{%- if tls.source == 'ca' %}
    - require:
      - sls: tls.trusted
{%- endif %}
{%- endif %}

{%- if application.env.get('DB_HOST') and application.secrets_from.values() | select('equalto', application.password_from) | list %}

# One that the database refuses would leave the application without its data.
{{ application.id }}-env-password-accepted:
  laravel.password_accepted:
    - name: {{ application.directory }}/shared/.env
    - values: {{ application.env | json }}
    - secrets: {{ application.secrets_from | json }}
    - require:
      - laravel_release: {{ application.id }}-shared-storage
{%- if tls.verify %}
      - mysql_tls: {{ application.id }}-env-database-verifiable
{%- endif %}
    - require_in:
      - laravel: {{ application.id }}-env-present
{%- endif %}

# Secrets are named by their pillar keys here, and read when the file is written.
{{ application.id }}-env-present:
  laravel.env_present:
    - name: {{ application.directory }}/shared/.env
    - values: {{ application.env | json }}
    - secrets: {{ application.secrets_from | json }}
    - user: root
    - group: {{ application.group }}
    - mode: '0640'
    - only: true
    - require:
      - laravel_release: {{ application.id }}-shared-storage
{%- if tls.verify and application.env.get('DB_HOST') %}
      - mysql_tls: {{ application.id }}-env-database-verifiable
{%- endif %}
{%- endfor %}
