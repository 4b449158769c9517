"""The library of HAProxy's configuration: plain Python, without Salt's dunders."""
