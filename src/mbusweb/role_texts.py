"""Names of roles, in the visitor's language."""

from mbusweb.locale import gettext as _


def role_names(roles: tuple[str, ...]) -> dict[str, str]:
    """Give a name for each role, from the one that may least."""
    known = {"reader": _("Reader"), "operator": _("Operator"), "admin": _("Administrator")}
    return {role: known.get(role, role) for role in roles}


def role_choices(roles: tuple[str, ...]) -> list[tuple[str, str]]:
    """Give roles for a list of choices, each with what it may."""
    known = {
        "reader": _("Reader: sees everything but users"),
        "operator": _("Operator: looks after masters, meters and schedules"),
        "admin": _("Administrator: may do everything"),
    }
    return [(role, known.get(role, role)) for role in roles]
