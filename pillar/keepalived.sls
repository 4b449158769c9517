# What HAProxy is told besides, where cluster:virtual_address is declared (pillar/top.sls).
haproxy:
  sections:
    # 200 while this balancer has a member to send anybody to, else 503: keepalived asks (pillar
    # keepalived:check), and from this machine alone.
    frontend usable:
      - bind 127.0.0.1:9202
      - mode http
      - monitor-uri /
      - monitor fail if { nbsrv(mysql-writer) eq 0 } { nbsrv(mysql-read) eq 0 }
