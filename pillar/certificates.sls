{#- Whom the master's minion signs a certificate for, and with which names: the table of nodes says
    so, and who asks says nothing of it but its public key. Each key that a certificate can be asked
    for with stands here, since what a policy leaves out the asking minion chooses. Databases alone
    get one: a server that clones asks who signed the other's, and not for which address.
    Each policy is a list: of a mapping Salt would take `minions` out for good, where a minion's jobs
    share a process, and then sign for anybody. -#}
{%- import_yaml 'cluster.sls' as table %}
{%- set cluster = table.cluster %}
{%- set tls = cluster.get('tls') or {} %}
{%- set balancers = [] %}
{%- for node in cluster.nodes.values() if node.role == 'proxy' %}
{%- do balancers.append(node.ip) %}
{%- endfor %}
{%- if cluster.get('virtual_address') %}
{%- do balancers.append(cluster.virtual_address) %}
{%- endif %}
{%- do balancers.extend(tls.get('names') or []) %}
{%- if tls.get('source') == 'ca' %}
x509_signing_policies:
{%- for name, node in cluster.nodes.items() %}
  mysql-gr-{{ name }}:
    - minions: {{ name | string | json }}
{%- if node.role == 'db' %}
    - signing_private_key: /etc/mysql-gr-ca/ca.key
{%- else %}
    # It may ask whom to trust. Without a key here nothing is signed, whatever it asks for.
    - signing_private_key: null
{%- endif %}
    - skip_load_signing_private_key: false
    - signing_private_key_passphrase: null
    - signing_cert: /etc/mysql-gr-ca/ca.pem
    # As a text it is all of the subject, whatever else is asked for.
    - subject: {{ ('CN=' ~ name) | json }}
    - subjectAltName:
        - {{ ('DNS:' ~ name) | json }}
{%- for one in ([node.ip] + (balancers if node.role == 'db' else [])) | unique %}
        - {{ (('IP:' if one | is_ipv4 else 'DNS:') ~ one) | json }}
{%- endfor %}
    - basicConstraints: critical, CA:FALSE
    - keyUsage: critical, digitalSignature
    - extendedKeyUsage: serverAuth, clientAuth
    - subjectKeyIdentifier: hash
    - authorityKeyIdentifier: keyid:always
    - days_valid: {{ (tls.get('days_valid') or 365) | json }}
    - digest: sha256
{%- for other in ['not_after', 'serial_number', 'csr', 'private_key',
                  'private_key_passphrase', 'copypath', 'prepend_cn', 'issuerAltName',
                  'authorityInfoAccess', 'crlDistributionPoints', 'issuingDistributionPoint',
                  'certificatePolicies', 'policyConstraints', 'inhibitAnyPolicy', 'nameConstraints',
                  'noCheck', 'tlsfeature', 'nsComment', 'nsCertType', 'cRLNumber',
                  'deltaCRLIndicator', 'freshestCRL'] %}
    - {{ other }}: null
{%- endfor %}
{%- endfor %}
{%- else %}
  {}
{%- endif %}
