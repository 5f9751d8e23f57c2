"""What a client is given: its key, its certificate and the authority, as PKCS#12 or PEM."""

import datetime
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from mbusio.certificates import Pair, pem_of
from mbusmaster.channels.trust.errors import TrustError

SHORTEST_PASSPHRASE: Final = 8
LONGEST_PASSPHRASE: Final = 256


@dataclass(frozen=True, slots=True)
class Bundle:
    """A new client's bundle. It holds the only copy of the private key: let go of it once it was handed out.

    :ivar id: under which the client is known here.
    """

    id: str
    name: str
    expires: datetime.datetime
    _pair: Pair = field(repr=False)
    _authority: x509.Certificate = field(repr=False)
    _passphrase: bytes = field(repr=False)

    def pkcs12(self) -> bytes:
        """Write it as PKCS#12 with AES-256 and SHA-256; Windows 10, Server 2019, macOS 15, OpenSSL 1.1 and newer read that.

        Older Windows does not, and calls the passphrase wrong: there take the PEM file.

        The key derivation takes a while on purpose: not for the event loop.
        """
        return pkcs12.serialize_key_and_certificates(
            self.name.encode(), self._pair.key, self._pair.certificate, [self._authority], self._encryption()
        )

    def pem(self) -> bytes:
        """Write it as PEM: key (encrypted where there is a passphrase), certificate, authority."""
        key = self._pair.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, self._encryption()
        )
        return key + pem_of(self._pair.certificate) + pem_of(self._authority)

    def _encryption(self) -> serialization.KeySerializationEncryption:
        if not self._passphrase:
            return serialization.NoEncryption()
        return serialization.BestAvailableEncryption(self._passphrase)


def check_passphrase(passphrase: str | None) -> bytes:
    """Give it as bytes, none for None; raise `TrustError` when it is too short or too long."""
    if passphrase is None:
        return b""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise TrustError(f"a passphrase has at least {SHORTEST_PASSPHRASE} characters", "passphrase")
    if len(passphrase) > LONGEST_PASSPHRASE:
        raise TrustError(f"a passphrase has at most {LONGEST_PASSPHRASE} characters", "passphrase")
    return passphrase.encode()
