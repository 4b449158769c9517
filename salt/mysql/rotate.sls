{#- Applied to the master's minion by orch.rotate, which hands on what it was given. -#}
{%- set given = salt['pillar.get']('rotate', {}) %}
mysql-rotate-passwords-rotated:
  mysql_rotation.passwords_rotated:
    - name: passwords
    - without: {{ given.get('without', []) | json }}
