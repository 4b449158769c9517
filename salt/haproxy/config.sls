{%- set haproxy = salt['formula.settings']('haproxy') %}

include:
  - haproxy.install

# The default section "global" has HAProxy load it.
haproxy-config-wait-managed:
  file.managed:
    - name: /etc/haproxy/wait.lua
    - source: salt://haproxy/files/wait.lua
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - sls: haproxy.install

# The module reads haproxy:sections and cluster:nodes from pillar itself: no secret passes
# through this file. It also reloads a running HAProxy that has not loaded
# this file or the one above, so that nothing here needs to watch them.
haproxy-config-file-managed:
  haproxy_cfg.managed:
    - name: {{ haproxy.config.path }}
    - user: {{ haproxy.config.user }}
    - group: {{ haproxy.config.group }}
    - mode: '{{ haproxy.config.mode }}'
    - service: {{ haproxy.service }}
    - require:
      - file: haproxy-config-wait-managed
