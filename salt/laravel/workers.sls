{%- set chosen = salt['formula.settings']('laravel').chosen %}

include:
  - laravel.live
{%- for application in chosen %}

# Behind the switch: what runs here is the release that serves. What the pillar no longer asks for
# goes, so that this is here without any worker, too.
{{ application.id }}-workers-running:
  laravel_worker.running:
    - name: {{ application.directory }}
    - workers: {{ application.workers | json }}
    - schedule: {{ application.schedule | json }}
    - nodes: {{ application.nodes | json }}
    - user: {{ application.user }}
    - group: {{ application.group }}
{%- if application.name != 'laravel' %}
    - application: {{ application.name }}
{%- endif %}
    - require:
      - laravel_release: {{ application.id }}-live-release
{%- endfor %}
