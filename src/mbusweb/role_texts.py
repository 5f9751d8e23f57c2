"""Names of roles, in the visitor's language."""

from mbusweb.locale import gettext as _


def role_texts(roles: tuple[str, ...]) -> dict[str, str]:
    """Give a text for each role, from the one that may least; one that has no text here is shown as it is."""
    known = {
        "reader": _("Reader: sees everything but users"),
        "operator": _("Operator: looks after masters, meters and schedules"),
        "admin": _("Administrator: may do everything"),
    }
    return {role: known.get(role, role) for role in roles}
