"""Hosted reading: the master calls its head-end, reads on schedule, and delivers (guide 3.1.3, 3.1.5, 5.3; DESIGN 5.9)."""
