# What the balancer is told, section by section, as HAProxy spells it (docs/haproxy.md). A later
# pillar file that names a section replaces that section's list; null leaves the section out.
haproxy:
  stats:
    user: admin
    # The password is haproxy:stats:password, in pillar/secrets/haproxy.sls.

  sections:
    global:
      - log 127.0.0.1 local0 notice
      - user haproxy
      - group haproxy
      - stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners
      - .if feature(LUA)
      - .if version_atleast(3.1)
      - tune.lua.bool-sample-conversion normal
      - .endif
      - lua-load /etc/haproxy/wait.lua
      - .endif

    defaults:
      - log global
      - retries 2
      - timeout connect 3000
      - timeout server 5000
      - timeout client 5000
      - '# A peer that vanished is found by TCP keep-alive, after two minutes instead of two hours.'
      - option clitcpka
      - clitcpka-idle 60s
      - clitcpka-intvl 15s
      - clitcpka-cnt 4
      - option srvtcpka
      - srvtcpka-idle 60s
      - srvtcpka-intvl 15s
      - srvtcpka-cnt 4

    userlist statistics:
      - user ${plain:haproxy:stats:user} insecure-password ${pillar:haproxy:stats:password}

    listen stats:
      - bind :9201
      - mode http
      - stats enable
      - stats hide-version
      - '# A page that is left open stays true; it says whose it is, and, with the pointer on a name,'
      - '# which address a server has.'
      - stats refresh 5s
      - stats show-node
      - stats show-legends
      - stats realm Haproxy\ Statistics
      - stats uri /
      - stats auth ${plain:haproxy:stats:user}:${pillar:haproxy:stats:password}
      - '# The same numbers for Prometheus, for the same user.'
      - acl metrics path /metrics
      - http-request auth realm Haproxy\ Statistics if metrics !{ http_auth(statistics) }
      - http-request use-service prometheus-exporter if metrics

    # The members that accept writes now, in turn.
    listen mysql-cluster:
      - bind :3306
      - mode tcp
      - '# A connection waits until a member takes it, 10 s at most, instead of being refused.'
      - .if feature(LUA)
      - tcp-request inspect-delay 10s
      - tcp-request content lua.wait_for_server
      - .endif
      - balance roundrobin
      - '# A member that has just died: try the next one, not the same again.'
      - option redispatch 1
      - '# As long as MySQL''s own wait_timeout (28800 s), which ends idle sessions by itself:'
      - '# 5 s would cut idle sessions, and statements that take longer.'
      - timeout client 28800s
      - timeout server 28800s
      - '# Three sections of 150 stay below the members'' max_connections (500): who comes on top waits'
      - '# here for a place, 3 s at most, instead of being refused there.'
      - '# Each member''s health agent knows whether it may be written to; a TCP check does not.'
      - option httpchk GET /writable
      - '# 404: it is leaving. Nobody new is sent there, and who is there may finish.'
      - http-check disable-on-404
      - http-check expect status 200
      - timeout check 400ms
      - '# Four refusals, 10 ms apart, or 0.4 s without an answer; a connection that a member refuses has'
      - '# it asked at once.'
      - &watched >-
        default-server port ${plain:cluster:health_port} inter 100ms fastinter 10ms downinter 100ms
        fall 4 rise 1 observe layer4 error-limit 1 on-error fastinter
        on-marked-down shutdown-sessions maxconn 150
      - .if feature(LUA) && version_atleast(3.1)
      - '# A new process knows no member until it has asked; connections wait for that.'
      - default-server init-state down
      - .endif
      - servers:
          prefix: mysql
          port: 3306
          params: check

    # One writable member at a time, until it goes: one that comes back waits for its turn.
    listen mysql-writer:
      - bind :3307
      - mode tcp
      - '# A connection waits until a member takes it, 10 s at most, instead of being refused.'
      - .if feature(LUA)
      - tcp-request inspect-delay 10s
      - tcp-request content lua.wait_for_server
      - .endif
      - option redispatch 1
      - '# As in mysql-cluster: the timeouts of MySQL, not 5 s.'
      - timeout client 28800s
      - timeout server 28800s
      - option httpchk GET /writable
      - http-check disable-on-404
      - http-check expect status 200
      - timeout check 400ms
      - *watched
      - .if feature(LUA) && version_atleast(3.1)
      - '# A new process knows no member until it has asked; connections wait for that.'
      - default-server init-state down
      - .endif
      - .if version_atleast(3.0)
      - balance sticky
      - servers:
          prefix: mysql
          port: 3306
          params: check
      - .else
      - '# This HAProxy cannot stay with one: the first serves again as soon as it is back.'
      - servers:
          prefix: mysql
          port: 3306
          params: check
          standby: backup
      - .endif

    # The members that may be read, in turn.
    listen mysql-read:
      - bind :3308
      - mode tcp
      - '# A connection waits until a member takes it, 10 s at most, instead of being refused.'
      - .if feature(LUA)
      - tcp-request inspect-delay 10s
      - tcp-request content lua.wait_for_server
      - .endif
      - balance roundrobin
      - option redispatch 1
      - '# As in mysql-cluster: the timeouts of MySQL, not 5 s.'
      - timeout client 28800s
      - timeout server 28800s
      - option httpchk GET /readable
      - http-check disable-on-404
      - http-check expect status 200
      - timeout check 400ms
      - *watched
      - '# One that comes back has nothing in memory yet: its share grows for 10 s.'
      - default-server slowstart 10s
      - servers:
          prefix: mysql
          port: 3306
          params: check
