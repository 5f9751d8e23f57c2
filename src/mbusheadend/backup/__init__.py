"""All that a head-end has, as one tar file, made while it serves; and bringing it back.

=======================  ===============================================================================================
``manifest.json``        first: what it is, when and by which program it was made, length and SHA-256 of the other members
``headend.sqlite``       masters, meters, schedules, readings; keys of meters are encrypted in it
``access.db``            users, API tokens, audit log; where there are any
``mbusheadend.toml``     the settings, where there is such a file
``authority.pem``        key and certificate of the authority, only where there is no ``secrets.json``
``secrets.json``         authority and key file, under a passphrase (`mbusio.sealing`)
=======================  ===============================================================================================
"""

from mbusheadend.backup.desk import BackupDesk, Ready
from mbusheadend.backup.making import make_backup
from mbusheadend.backup.manifest import BackupError, Manifest
from mbusheadend.backup.restoring import Restored, inspect, restore

__all__ = ["BackupDesk", "BackupError", "Manifest", "Ready", "Restored", "inspect", "make_backup", "restore"]
