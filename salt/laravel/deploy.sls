{#- Applied to the master's minion by orch.deploy, which hands on what it was given. -#}
laravel-deploy-deployed:
  laravel_deployment.deployed:
    - given: {{ salt['pillar.get']('deploy', {}) | json }}
