{#- Applied to the master's minion by orch.deploy, which hands on what it was given. -#}
{%- set given = dict(salt['pillar.get']('deploy', {})) %}
{%- set application = given.pop('application', 'laravel') %}
laravel-deploy-deployed:
  laravel_deployment.deployed:
    - given: {{ given | json }}
    - application: {{ application | json }}
