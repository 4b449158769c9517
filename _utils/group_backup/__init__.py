"""Backups of a group by a machine beside it: taken, archived, restored, and drilled."""
