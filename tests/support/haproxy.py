"""A real HAProxy in front of head-ends: it passes TLS through, in turn to those whose /health says that they can be used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from support.needs import program

_CONFIG: Final = """\
global
  maxconn 1000
defaults
  mode tcp
  timeout connect 2s
  timeout client 90s
  timeout server 90s
  timeout check 5s
  option redispatch
frontend masters
  bind 127.0.0.1:{port}
  default_backend head-ends
backend head-ends
  balance roundrobin
  option httpchk GET /health
  http-check expect status 200
  default-server check check-ssl verify required ca-file {authority} inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{servers}"""


def haproxy_command(folder: Path, port: int, servers: Mapping[str, int], authority: Path) -> list[str]:
    """Write the settings of one that listens at a port of loopback, and give the command that runs it.

    :param servers: ports of loopback, by name.
    :param authority: of the certificates that the servers show.
    """
    lines = "".join(f"  server {name} 127.0.0.1:{there}\n" for name, there in servers.items())
    config = folder / "haproxy.cfg"
    config.write_text(_CONFIG.format(port=port, authority=authority, servers=lines))
    return [program("haproxy", "haproxy"), "-db", "-f", str(config)]
