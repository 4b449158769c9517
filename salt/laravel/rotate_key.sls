# Applied to the master's minion by orch.rotate_key.
laravel-rotate_key-rotated:
  laravel_deployment.key_rotated: []
