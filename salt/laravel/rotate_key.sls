# Applied to the master's minion by orch.rotate_key, which hands on what it was given.
laravel-rotate_key-rotated:
  laravel_deployment.key_rotated:
    - application: {{ salt['pillar.get']('rotate_key:application', 'laravel') | json }}
    - key: {{ salt['pillar.get']('rotate_key:key', 'APP_KEY') | json }}
