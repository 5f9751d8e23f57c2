"""Why a handshake failed, in words that help whoever reads the log."""

import ssl
from typing import Final

from mbusio.tls_stream import NoTlsError

_VERIFICATION: Final = {
    9: ("not yet valid", "its certificate is not yet valid; check the clocks of both machines"),
    10: ("expired", "its certificate has expired: issue a new one"),
    18: ("self-signed", "its certificate is signed by itself, and not trusted here"),
    19: ("unknown authority", "its certificate comes from an authority that is not trusted here"),
    20: ("unknown authority", "its certificate comes from an authority that is not trusted here"),
    21: ("unknown authority", "its certificate comes from an authority that is not trusted here"),
    26: ("wrong purpose", "its certificate is not meant for clients"),
}
"""By OpenSSL's X509_V_ERR codes: kind of refusal, and what is wrong."""

_REASONS: Final = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": ("no certificate", "it shows no certificate"),
    "UNSUPPORTED_PROTOCOL": ("old version", "it offers no TLS 1.3, only older versions"),
    "NO_SHARED_CIPHER": ("no common cipher", "it offers no cipher that is allowed here"),
    "NO_SUITABLE_KEY_SHARE": ("no common group", "it offers no key exchange that is allowed here"),
}
_ALERT: Final = "ALERT_"


def why(error: ssl.SSLError | NoTlsError) -> tuple[str, str]:
    """Give the kind of a refusal, for the log to keep repetitions out, and its reason."""
    if isinstance(error, NoTlsError):
        begin = f": {error.data.hex(' ').upper()}" if error.data else ""
        return "no tls", f"what it sends is not TLS{begin}; it must connect with TLS 1.3 and a certificate"
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _VERIFICATION.get(error.verify_code)
        return known or (f"verification {error.verify_code}", f"its certificate: {error.verify_message}")
    reason = error.reason or str(error)
    if reason in _REASONS:
        return _REASONS[reason]
    if _ALERT in reason:
        said = reason.partition(_ALERT)[2].replace("_", " ").lower()
        return (
            f"alert {said}",
            f"it refuses this master's certificate ({said}); give it the authority from the bundle, and a name or address that "
            "the certificate carries",
        )
    return reason.lower(), f"TLS fails: {reason.replace('_', ' ').lower()}"
