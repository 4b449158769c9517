"""What is measured of the running lab, and the commands that measure it: see docs/bench.md."""
