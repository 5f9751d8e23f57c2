"""Wired M-Bus (EN 13757-2, EN 13757-3) without any I/O."""
