# The one table of nodes. Plain YAML without Jinja: the Vagrantfile reads it too. A node added here
# gets a machine, a Salt key, a pillar by its role, and its place in the group and the balancer.
cluster:
  subnet: 172.28.17.0/24
  # For two machines of role proxy or more: the address that moves between them (docs/haproxy.md).
  # virtual_address: 172.28.17.60
  # Where the health agent of each database machine answers, and the balancer asks.
  health_port: 9200
  # The balancers serve the application, too, from all web servers (docs/haproxy.md, Web servers).
  web: {balanced: true}
  # Certificates of an authority of this installation, and servers verified by them. An installation
  # that runs without is taken there by orch.certificates (docs/certificates.md).
  tls: {source: ca}
  nodes:
    master: {ip: 172.28.17.50, role: master}
    web: {ip: 172.28.17.51, role: web}
    proxy: {ip: 172.28.17.52, role: proxy}
    db1: {ip: 172.28.17.53, role: db}
    db2: {ip: 172.28.17.54, role: db}
    db3: {ip: 172.28.17.55, role: db}
