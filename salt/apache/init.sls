include:
  - apache.package
  - apache.modules
  - apache.config
  - apache.site
  - apache.service
