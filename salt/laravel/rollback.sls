{#- Applied to the master's minion by orch.rollback, which hands on what it was given. -#}
laravel-rollback-rolled-back:
  laravel_deployment.rolled_back:
    - release: {{ salt['pillar.get']('rollback:release', '') | string | json }}
    - application: {{ salt['pillar.get']('rollback:application', 'laravel') | json }}
