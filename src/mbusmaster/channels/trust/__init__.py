"""Trust between this master and the clients of its secured channel: a small authority of its own, and a list.

`trust` is the whole of it, `model` its words, `bundle` is what a client is given, `foreign`
looks at what somebody uploads, `registry` is the list on disk, `keyfiles` the keys on disk, `contexts` what TLS works with,
`backup` all of it as bytes, `opening` what to do where the disk is damaged.
"""

from mbusio.certificates import ServerNames
from mbusmaster.channels.trust.bundle import Bundle
from mbusmaster.channels.trust.errors import TrustError
from mbusmaster.channels.trust.model import (
    Foreign,
    Kind,
    Origin,
    Refusal,
    TrustedClient,
    TrustState,
)
from mbusmaster.channels.trust.opening import open_trust, repair_trust
from mbusmaster.channels.trust.trust import Trust

__all__ = [
    "Bundle",
    "Foreign",
    "Kind",
    "Origin",
    "Refusal",
    "ServerNames",
    "Trust",
    "TrustError",
    "TrustState",
    "TrustedClient",
    "open_trust",
    "repair_trust",
]
