{%- from 'haproxy/map.jinja' import haproxy with context %}

include:
  - haproxy.install

# The module reads haproxy:sections and cluster:nodes from the pillar itself: no secret passes
# through this file. It also reloads a running HAProxy, so that nothing here needs to watch it.
haproxy-config-file-managed:
  haproxy_cfg.managed:
    - name: {{ haproxy.config.path }}
    - user: {{ haproxy.config.user }}
    - group: {{ haproxy.config.group }}
    - mode: '{{ haproxy.config.mode }}'
    - service: {{ haproxy.service }}
    - require:
      - sls: haproxy.install
