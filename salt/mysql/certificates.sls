# What orch.certificates brings to the members before any is verified.
include:
  - mysql.config
  - mysql.options
