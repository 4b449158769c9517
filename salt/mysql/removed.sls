mysql-removed-member-left:
  mysql_gr.member_removed:
    - name: {{ grains['id'] }}
