{#- Converge the whole system, strictly: what Vagrant runs once the last machine is up. -#}
{%- set nodes = salt['pillar.show_pillar']('master')['cluster']['nodes'] %}

orch-cluster-minions-answered:
  salt.function:
    - name: test.ping
    - tgt: {{ nodes | list | json }}
    - tgt_type: list
    - expect_minions: true
    - timeout: 5
    - retry:
        attempts: 60
        interval: 2

orch-cluster-converged:
  salt.state:
    - tgt: {{ nodes | list | json }}
    - tgt_type: list
    - expect_minions: true
    - highstate: true
    - require:
        - salt: orch-cluster-minions-answered
