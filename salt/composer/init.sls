{%- from 'composer/map.jinja' import composer with context %}

include:
  - composer.package
{%- if composer.repository == 'debian' %}
  - composer.repository
{%- else %}
  - composer.packagist
{%- endif %}
