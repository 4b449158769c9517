{%- set applications = salt['formula.settings']('laravel').applications %}

{#- The first application runs as the web server's own user. #}
{%- for application in applications[1:] %}

# Runs the application's code, and reads its .env; no other application's user does.
{{ application.id }}-users-group:
  group.present:
    - name: {{ application.group }}
    - system: true

{{ application.id }}-users-user:
  user.present:
    - name: {{ application.user }}
    - gid: {{ application.group }}
    - groups: []
    - remove_groups: true
    - system: true
    - createhome: false
    - home: /var/lib/{{ application.id }}
    - shell: /usr/sbin/nologin
    - fullname: Runs {{ application.name }}
    - require:
      - group: {{ application.id }}-users-group

{{ application.id }}-users-home:
  file.directory:
    - name: /var/lib/{{ application.id }}
    - user: {{ application.user }}
    - group: {{ application.group }}
    - mode: '0700'
    - require:
      - user: {{ application.id }}-users-user
{%- endfor %}
