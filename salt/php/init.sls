include:
  - php.package
  - php.config
  - php.service
