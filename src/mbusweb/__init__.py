"""Serving HTTP in an event loop of ours, for master and head-end: connections that end in time, few TLS handshakes at once."""
