include:
  - apache.package
  - apache.modules
  - apache.config
  - apache.tls
  - apache.site
  - apache.logs
  - apache.service
