"""Faults on the running lab while clients write; docs/chaos.md says what is checked."""
