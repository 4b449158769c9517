include:
  - laravel.code
  - laravel.storage
  - laravel.dependencies
  - laravel.env
  - laravel.keys
  - laravel.migrate
  - laravel.seed
