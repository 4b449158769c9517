{#- A declared virtual address is held by the declared proxies, and by no other machine. -#}
{%- set balancer = salt['cluster.balancer']() %}
include:
{%- if balancer.virtual_address and grains['id'] in balancer.proxies %}
  - keepalived.install
  - keepalived.config
  - keepalived.service
{%- else %}
  - keepalived.removed
{%- endif %}
