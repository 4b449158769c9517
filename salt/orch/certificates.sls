{#- Take an installation that runs to certificates of its own authority, or to other names in them
    (docs/certificates.md). Each step is for all members before the next: first they are shown, then
    they are verified. Called again it does what is left. -#}
{%- set pillar_of = salt['saltutil.runner']('pillar.show_pillar', ['master']) %}
{%- set nodes = pillar_of['cluster']['nodes'] %}
{%- set tls = pillar_of['cluster'].get('tls') or {} %}
{%- set source = tls.get('source', 'none') %}
{%- set of = {} %}
{%- for name, node in nodes.items() %}
{%- do of.setdefault(node.role, []).append(name) %}
{%- endfor %}
{%- if source == 'none' %}

orch-certificates-declared:
  test.fail_without_changes:
    - name: "pillar cluster:tls:source is none; expected ca, or files"
{%- else %}

orch-certificates-modules-synced:
  salt.function:
    - name: saltutil.sync_all
    - tgt: {{ nodes | list | json }}
    - tgt_type: list
    - expect_minions: true

orch-certificates-pillar-refreshed:
  salt.function:
    - name: saltutil.refresh_pillar
    - tgt: {{ nodes | list | json }}
    - tgt_type: list
    - require:
      - salt: orch-certificates-modules-synced

orch-certificates-authority-present:
  salt.state:
    - tgt: {{ of.get('master', []) | json }}
    - tgt_type: list
    - sls: tls
    - queue: true
    - timeout: 300
    - require:
      - salt: orch-certificates-pillar-refreshed

# Nobody is verified by this step, whatever pillar says.
orch-certificates-shown:
  salt.state:
    - tgt: {{ of.get('db', []) | json }}
    - tgt_type: list
    - expect_minions: true
    - sls: mysql.certificates
    - pillar:
        cluster:
          tls:
            verify: false
    - queue: true
    - timeout: 300
    - require:
      - salt: orch-certificates-authority-present

# A member that does not answer, or shows another certificate, ends it here: each asks the others.
orch-certificates-settings-stored:
  salt.state:
    - tgt: {{ of.get('db', []) | json }}
    - tgt_type: list
    - expect_minions: true
    - highstate: true
    - queue: true
    - timeout: 600
    - require:
      - salt: orch-certificates-shown

# What Group Replication takes when it starts alone.
orch-certificates-members-restarted:
  salt.state:
    - tgt: {{ of.get('master', []) | json }}
    - tgt_type: list
    - expect_minions: true
    - sls: mysql.restart
    - pillar:
        restart:
          only: pending
    - concurrent: true
    - timeout: 300
    - require:
      - salt: orch-certificates-settings-stored
{%- if of.get('web') %}

orch-certificates-web-converged:
  salt.state:
    - tgt: {{ of.web | json }}
    - tgt_type: list
    - expect_minions: true
    - highstate: true
    - queue: true
    - timeout: 600
    - require:
      - salt: orch-certificates-members-restarted
{%- endif %}
{%- if of.get('backup') %}

# What it follows is verified from here on.
orch-certificates-backup-converged:
  salt.state:
    - tgt: {{ of.backup | json }}
    - tgt_type: list
    - expect_minions: true
    - highstate: true
    - queue: true
    - timeout: 600
    - require:
      - salt: orch-certificates-members-restarted
{%- endif %}
{%- endif %}
