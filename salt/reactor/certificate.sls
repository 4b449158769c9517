{#- A machine asks for a certificate (docs/certificates.md). An event may name another machine than
    the one that sent it: that one's own key is signed then, and it alone has a use for the answer. -#}
mysql-certificate-answered:
  local.mine.send:
    - tgt: {{ data['data']['signer'] | json }}
    - tgt_type: list
    - args:
        - name: {{ ('mysql_certificate_answer_' ~ data['id']) | json }}
        - mine_function: mysql_authority.sign
        - machine: {{ data['id'] | json }}
        - number: {{ data['data']['request'] | json }}
        - names: {{ data['data']['names'] | json }}
