{%- set applications = salt['formula.settings']('laravel').applications %}

# Whose keys git takes, for all applications; a host that is not here is refused.
laravel-known_hosts-file:
  file.managed:
    - name: /etc/ssh/ssh_known_hosts_laravel
    - contents: {{ (['# Kept by Salt.'] + applications[0].known_hosts) | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
