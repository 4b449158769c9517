{%- from 'laravel/map.jinja' import laravel with context %}

include:
  - laravel.live

# Behind the switch: what runs here is the release that serves. What the pillar no longer asks for
# goes, so that this is here without any worker, too.
laravel-workers-running:
  laravel_worker.running:
    - name: {{ laravel.directory }}
    - workers: {{ laravel.workers | json }}
    - schedule: {{ laravel.schedule | json }}
    - nodes: {{ laravel.nodes | json }}
    - user: {{ laravel.user }}
    - group: {{ laravel.group }}
    - require:
      - sls: laravel.live
