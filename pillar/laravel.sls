# The Laravel application, without its secrets: those are in the web server's own pillar, at
#   laravel:secrets:app_key, laravel:secrets:jwt_secret   made by the application when not given,
#                                                         which is an error with several web servers
#   laravel:secrets:seed_password                         password of the seeded users
#   mysql:accounts:application:password                   the database account's
# Defaults of everything else: salt/laravel/defaults.yaml. DB_HOST and APP_URL come from the table
# of nodes.
laravel:
  directory: /srv/conduit
  env:
    APP_NAME: Conduit
    APP_ENV: production
    APP_DEBUG: false
    DB_CONNECTION: mysql
    # An API without sessions and jobs, whose migrations make no tables for them.
    SESSION_DRIVER: array
    CACHE_STORE: file
    QUEUE_CONNECTION: sync
    # The balancer's writer port, and the one that spreads reads over all members.
    DB_PORT: 3307
    DB_READ_PORT: 3308
    DB_DATABASE: realworld
    DB_USERNAME: haproxy_root
    # Whatever is asked waits until its member has applied what was written before, on any member.
    DB_CONSISTENCY: BEFORE
