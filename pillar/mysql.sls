# What is chosen here about the databases; pillar.example has every key with its default. The group's
# UUID and the passwords are made at first use, in pillar/secrets.
mysql:
  group:
    mode: multi-primary
