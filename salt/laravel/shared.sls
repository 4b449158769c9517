{%- set applications = salt['formula.settings']('laravel').applications %}
{%- set chosen = salt['formula.settings']('laravel').chosen %}

include:
  - php.package
{%- if applications | length > 1 %}
  - laravel.users
{%- endif %}
{%- for application in chosen %}

{{ application.id }}-shared-directories:
  file.directory:
    - names:
      - {{ application.directory }}
      - {{ application.directory }}/releases
      - {{ application.directory }}/shared
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true

# What outlives a release, and the only place that the web server may write. So root follows no
# link there, as file.directory would.
{{ application.id }}-shared-storage:
  laravel_release.storage_present:
    - name: {{ application.directory }}/shared/storage
    - user: {{ application.user }}
    - group: {{ application.group }}
    - mode: '0750'
{%- if application.name != 'laravel' %}
    # Apache is none of its group, and serves what it stores for all.
    - public: true
{%- endif %}
    - shared_folders: {{ application.shared_folders | json }}
    - require:
      - sls: php.package
{%- if application.name != 'laravel' %}
      - user: {{ application.id }}-users-user
{%- endif %}
      - file: {{ application.id }}-shared-directories
{%- endfor %}
