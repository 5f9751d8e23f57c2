"""One schema for every setting, and the file that keeps them.

`schema` says what there is, `store` reads and writes the file, `migrations` brings older files up to date.
"""

from mbusmaster.settings.errors import SettingsError
from mbusmaster.settings.schema import (
    BusSettings,
    ChannelsSettings,
    LogSettings,
    Parity,
    PlainTcpSettings,
    Settings,
)
from mbusmaster.settings.store import Loaded, Store

__all__ = [
    "BusSettings",
    "ChannelsSettings",
    "Loaded",
    "LogSettings",
    "Parity",
    "PlainTcpSettings",
    "Settings",
    "SettingsError",
    "Store",
]
