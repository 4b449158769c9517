# Apache's and php-fpm's own packages say how their logs are rotated; this does it, every day.
apache-logs-rotated:
  pkg.installed:
    - name: logrotate
    - install_recommends: False

apache-logs-timer:
  service.running:
    - name: logrotate.timer
    - enable: True
    - require:
      - pkg: apache-logs-rotated
