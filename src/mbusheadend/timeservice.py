"""The head-end's machine as time server of the masters: what chronyd is told for NTS (RFC 8915).

Masters take authenticated time only, so they need this or another NTS server. The head-end writes the configuration; the system
runs chronyd.
"""

import re
import ssl
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from mbusheadend.authority import server_names
from mbusheadend.errors import HeadEndError
from mbusio.certificates import names_in

NTS_PORT: Final = 4460
NTP_PORT: Final = 123
_PATH: Final = re.compile(r"/[\x21-\x7e]*")
_LARGEST: Final = 1 << 20


def chrony_config(
    names: tuple[str, ...], certificate: Path, key: Path, now: datetime, upstream: tuple[str, ...] = ()
) -> str:
    """Give a file for ``/etc/chrony/conf.d``. Raise `HeadEndError` where certificate and key would not serve these names.

    :param names: DNS names and addresses by which masters call; an address must stand in the certificate as an address.
    :param upstream: NTS servers from which this machine takes its own time; where there are none, chrony's own settings count.
    """
    _check(names, certificate, key, now)
    sources = [f"server {name} iburst nts" for name in upstream]
    return "\n".join(
        [
            f"# NTS for M-Bus masters that call {', '.join(names)}. Open TCP port {NTS_PORT} and UDP port {NTP_PORT}.",
            *sources,
            "# Masters may be anywhere.",
            "allow",
            f"ntsport {NTS_PORT}",
            f"ntsserverkey {key}",
            f"ntsservercert {certificate}",
            "# So that masters need no new keys after a restart of chronyd.",
            "ntsdumpdir /var/lib/chrony",
            "",
        ]
    )


def _check(names: tuple[str, ...], certificate: Path, key: Path, now: datetime) -> None:
    for path in (certificate, key):
        if not _PATH.fullmatch(str(path)):
            raise HeadEndError(f"{path}: give the whole path, without blanks")
    try:
        with certificate.open("rb") as file:
            first = x509.load_pem_x509_certificates(file.read(_LARGEST))[0]
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError, ValueError, IndexError) as error:
        raise HeadEndError(f"certificate {certificate} and key {key} cannot be used: {error}") from error
    if not first.not_valid_before_utc <= now < first.not_valid_after_utc:
        raise HeadEndError(
            f"the certificate {certificate} is valid until {first.not_valid_after_utc:%Y-%m-%d}"
        )
    wanted, there = server_names(names), names_in(first)
    missing = [name for name in (*wanted.names, *wanted.addresses) if name not in there]
    if missing:
        raise HeadEndError(
            f"the certificate {certificate} is not for {', '.join(missing)}: masters would refuse it"
        )
