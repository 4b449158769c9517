mysql-removed-member-left:
  mysql_maintenance.member_removed:
    - name: {{ grains['id'] }}
