# Into Salt's own Python, which the services run with. First of all: every state that asks a server
# needs it.
mysql-python-packages-installed:
  salt_python.packages_installed:
    - name: salt://mysql/files/requirements.txt
    - order: first
