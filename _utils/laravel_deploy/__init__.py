"""The library of Laravel deployments: plain Python, without Salt's dunders."""
