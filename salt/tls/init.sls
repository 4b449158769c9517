{#- For the master's machine: the authority of the installation, where pillar wants one. -#}
{%- if salt['mysql_tls.declared']().source == 'ca' %}
include:
  - tls.authority
{%- else %}
{}
{%- endif %}
