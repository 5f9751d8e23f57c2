"""The pages, one module each, as `mbusweb.pages` says."""

from collections.abc import Sequence
from types import ModuleType
from typing import Final

from mbusmaster.web.pages import (
    backup,
    bus_users,
    client_bundle,
    client_certificate,
    commissioning,
    ethernet,
    firmware,
    first_user,
    hosting,
    log,
    mbus_settings,
    meters,
    meters_import,
    meters_rows,
    monitor,
    panel_button,
    restart,
    scan,
    security,
    status,
    time_settings,
    trusted_clients,
)
from mbusweb.pages import audit, languages, login, tokens, users

PAGES: Final[Sequence[ModuleType]] = (
    status,
    languages,
    login,
    first_user,
    panel_button,
    meters,
    meters_rows,
    meters_import,
    scan,
    commissioning,
    ethernet,
    hosting,
    security,
    mbus_settings,
    time_settings,
    firmware,
    log,
    backup,
    restart,
    users,
    tokens,
    audit,
    trusted_clients,
    client_bundle,
    client_certificate,
    monitor,
    bus_users,
)
