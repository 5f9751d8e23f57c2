"""Who may reach the setup network, as rules of nftables in two tables of their own (nft(8)).

A machine answers for all its addresses at all its devices, so a host of the LAN that has a route to 10.0.0.1 would reach it. The
pages listen on the setup device alone; these rules keep everything else of this machine apart too, and nothing is forwarded.
"""

import subprocess
from typing import Final

TABLE: Final = "mbusmaster_setup"
_SECONDS: Final = 30.0


def rules(device: str, address: str) -> str:
    """Give the rules as one transaction, which puts them in place of those that were there.

    ARP for the address is answered at the setup device only: a LAN may have a machine of its own with this address.
    """
    return f"""\
table inet {TABLE}
delete table inet {TABLE}
table arp {TABLE}
delete table arp {TABLE}
table inet {TABLE} {{
    chain input {{
        type filter hook input priority filter - 10; policy accept;
        iifname "{device}" jump setup
        iifname != "lo" ip daddr {address} iifname != "{device}" drop
    }}
    chain setup {{
        ip daddr {{ {address}, 255.255.255.255 }} accept
        ip daddr 10.0.0.255 accept
        drop
    }}
    chain forward {{
        type filter hook forward priority filter - 10; policy accept;
        iifname "{device}" drop
        oifname "{device}" drop
    }}
}}
table arp {TABLE} {{
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname != "{device}" arp daddr ip {address} drop
    }}
}}
"""


def no_rules() -> str:
    """Give the transaction that takes them away, if they are there."""
    return "".join(f"table {family} {TABLE}\ndelete table {family} {TABLE}\n" for family in ("inet", "arp"))


def apply(transaction: str) -> None:
    """Do all of a transaction or nothing; raise `OSError` with what nft says."""
    done = subprocess.run(
        ["/usr/sbin/nft", "--file", "-"],
        input=transaction,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[0]
        raise OSError(f"nft refused the rules of the setup network: {said}")
