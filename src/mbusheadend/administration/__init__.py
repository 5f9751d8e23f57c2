"""Commands beside `serve`: export, lists and keys of meters, backup, releases for masters, time.

`arguments` says what they take, and imports nothing that is big; the other modules do it, each as ``run(settings, options)``.
"""

from mbusheadend.administration.arguments import add_parsers

__all__ = ["add_parsers"]
