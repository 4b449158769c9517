{%- from 'laravel/map.jinja' import laravel with context %}

# Whose keys git takes; a host that is not here is refused.
laravel-known_hosts-file:
  file.managed:
    - name: /etc/ssh/ssh_known_hosts_laravel
    - contents: {{ (['# Kept by Salt.'] + laravel.known_hosts) | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
