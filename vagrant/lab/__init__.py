"""The machines on this host: `python3 -m vagrant.lab up` and its kin. Only the standard library."""
