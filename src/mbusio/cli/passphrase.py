"""Asks for the passphrase of a client's bundle, at a terminal only."""

import sys
from dataclasses import replace
from getpass import getpass

from mbusio.transport.bundle import needs_passphrase, passphrase_in_environment
from mbusio.transport.url import Endpoint


def with_passphrase(endpoint: Endpoint) -> Endpoint:
    """Give the endpoint with the passphrase of its bundle, where one is needed, not in the environment, and can be asked for."""
    if endpoint.bundle is None or passphrase_in_environment() is not None or not sys.stdin.isatty():
        return endpoint
    if not needs_passphrase(endpoint.bundle):
        return endpoint
    return replace(endpoint, passphrase=getpass(f"Passphrase of {endpoint.bundle}: "))
