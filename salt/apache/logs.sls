# Apache's and php-fpm's own packages say how their logs are rotated; this does it, every day.
apache-logs-rotated:
  pkg.installed:
    - name: logrotate
    - install_recommends: false

apache-logs-timer:
  service.running:
    - name: logrotate.timer
    - enable: true
    - require:
      - pkg: apache-logs-rotated
