"""Who may come in through the secured channel: bundles that are issued and revoked, certificates that are added and removed."""

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.channels.trust import Bundle, Foreign, Kind, Trust, TrustedClient
from mbusmaster.web.services import Services
from mbusweb.actor import Actor


def issue(
    services: Services, who: Actor, trust: Trust, name: str, passphrase: str | None, days: int
) -> Bundle:
    """Make a key and a certificate for a new client; raise `TrustError`."""
    bundle = trust.issue(name, passphrase, days=days)
    _record(services, who, f"client {name} issued, until {bundle.expires:%Y-%m-%d}")
    return bundle


def revoke(services: Services, who: Actor, trust: Trust, client: str) -> TrustedClient:
    """Trust a client no more, by its id; raise `TrustError`."""
    revoked = trust.revoke(client)
    _record(services, who, f"client {revoked.name} revoked, serial {revoked.serial}")
    return revoked


def add_certificate(services: Services, who: Actor, trust: Trust, data: bytes, kind: Kind | None) -> Foreign:
    """Trust a certificate from elsewhere; raise `TrustError`.

    :param kind: what it is meant to be; None takes what it is.
    """
    added = trust.add_foreign(data, expect=kind)
    until = f"{added.expires:%Y-%m-%d}"
    _record(services, who, f"{added.kind} {added.name} added, SHA-256 {added.id[:16]}, until {until}")
    return added


def remove_certificate(services: Services, who: Actor, trust: Trust, certificate: Foreign) -> None:
    """Trust a certificate from elsewhere no more; raise `TrustError`."""
    trust.remove_foreign(certificate.id)
    _record(services, who, f"{certificate.kind} {certificate.name} removed, SHA-256 {certificate.id[:16]}")


def _record(services: Services, who: Actor, detail: str) -> None:
    services.audit.record(AuditKind.CERTIFICATE, who=who.user, source=who.source, detail=detail)
