"""What the host runs to have the machines: Python that needs no Salt."""
