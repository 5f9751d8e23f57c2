"""One schema for every setting, the file that keeps them, and how they are changed while the master runs.

`schema` says what there is, `tree` finds a setting in it by its dotted path, `messages` is all that can be said about one.
`store` reads and writes the file, `migrations` brings older files up to date. `service` changes settings, `forms` and `reference`
show them, `backup` carries them elsewhere.
"""

from mbusmaster.settings.errors import SettingsError
from mbusmaster.settings.messages import Problem, Template
from mbusmaster.settings.schema import (
    BusSettings,
    ChannelsSettings,
    LinePlace,
    LineSettings,
    LogSettings,
    Parity,
    PlainTcpSettings,
    Settings,
)
from mbusmaster.settings.service import Change, SettingsService
from mbusmaster.settings.store import Loaded, Store

__all__ = [
    "BusSettings",
    "Change",
    "ChannelsSettings",
    "LinePlace",
    "LineSettings",
    "Loaded",
    "LogSettings",
    "Parity",
    "PlainTcpSettings",
    "Problem",
    "Settings",
    "SettingsError",
    "SettingsService",
    "Store",
    "Template",
]
