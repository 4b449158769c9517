{%- set apache = salt['formula.settings']('apache').apache %}

include:
  - apache.package

{%- for module in apache.modules %}

apache-modules-{{ module | replace('_', '-') }}:
  command.run:
    - name: a2enmod --quiet {{ module }}
    - makes: [{{ apache.config }}/mods-enabled/{{ module }}.load]
    - require:
      - sls: apache.package
{%- endfor %}
