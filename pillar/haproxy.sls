# What is chosen here about the balancer; pillar.example has every key with its default, and
# docs/haproxy.md says how a section is replaced, added or left out.
haproxy:
  stats:
    user: admin
    # The password is haproxy:stats:password, in pillar/secrets/haproxy.sls.
  ports:
    cluster: 3306
    writer: 3307
    read: 3308
    stats: 9201
