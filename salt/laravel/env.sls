{%- from 'laravel/map.jinja' import laravel, tls with context %}

include:
  - laravel.shared
{%- if tls.source == 'ca' %}
  - tls.trusted
{%- endif %}
{%- if tls.verify and laravel.env.get('DB_HOST') %}

# A database that shows no certificate of its own yet would be away for the application.
laravel-env-database-verifiable:
  mysql_tls.server_verifiable:
    - name: {{ laravel.env.DB_HOST | json }}
    - port: {{ laravel.env.get('DB_PORT', 3306) | json }}
    - ca: {{ laravel.env.MYSQL_ATTR_SSL_CA | json }}
{%- if tls.source == 'ca' %}
    - require:
      - sls: tls.trusted
{%- endif %}
{%- endif %}

{%- if laravel.env.get('DB_HOST') and laravel.secrets_from.values() | select('equalto', 'mysql:accounts:application:password') | list %}

# One that the database refuses would leave the application without its data.
laravel-env-password-accepted:
  laravel.password_accepted:
    - name: {{ laravel.directory }}/shared/.env
    - values: {{ laravel.env | json }}
    - secrets: {{ laravel.secrets_from | json }}
    - require:
      - sls: laravel.shared
{%- if tls.verify %}
      - mysql_tls: laravel-env-database-verifiable
{%- endif %}
    - require_in:
      - laravel: laravel-env-present
{%- endif %}

# Secrets are named by their pillar keys here, and read when the file is written.
laravel-env-present:
  laravel.env_present:
    - name: {{ laravel.directory }}/shared/.env
    - values: {{ laravel.env | json }}
    - secrets: {{ laravel.secrets_from | json }}
    - user: root
    - group: {{ laravel.group }}
    - mode: '0640'
    - only: True
    - require:
      - sls: laravel.shared
{%- if tls.verify and laravel.env.get('DB_HOST') %}
      - mysql_tls: laravel-env-database-verifiable
{%- endif %}
