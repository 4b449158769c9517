"""The library of MySQL Group Replication: plain Python, without Salt's dunders."""
