{%- set composer = salt['formula.settings']('composer') %}

include:
  - composer.package
{%- if composer.repository == 'debian' %}
  - composer.repository
{%- else %}
  - composer.packagist
{%- endif %}
