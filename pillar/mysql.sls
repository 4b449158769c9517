mysql:
  group:
    mode: multi-primary
  options:
    table_open_cache_instances: 4
