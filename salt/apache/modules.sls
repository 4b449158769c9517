{%- from 'apache/map.jinja' import apache with context %}

include:
  - apache.package

{%- for module in apache.modules %}

apache-modules-{{ module | replace('_', '-') }}:
  cmd.run:
    - name: a2enmod --quiet {{ module }}
    - unless: a2query -q -m {{ module }}
    - require:
      - sls: apache.package
    - watch_in:
      - service: apache-service-running
    - require_in:
      - cmd: apache-service-config-good
{%- endfor %}
