include:
  - laravel.shared
  - laravel.env
  - laravel.release
  - laravel.keys
  - laravel.rehearse
  - laravel.migrate
  - laravel.seed
  - laravel.live
  - laravel.workers
