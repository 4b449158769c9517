"""What drives the lab: for the end-to-end tests, and for the harnesses chaos and bench."""
