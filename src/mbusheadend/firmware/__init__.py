"""Releases for masters: taken in after a check, kept in the state folder, offered to all masters or to groups of them.

=============  ====================================================================================================
releases.py    what is known of a release that is kept here
shelf.py       the folder: takes releases in, gives their files, forgets them
shared.py      the same where several processes share it by the store
offering.py    which release a master is offered
overview.py    which masters run which release, and what each is offered
serving.py     what masters ask, and get
=============  ====================================================================================================
"""

from mbusheadend.firmware.releases import FirmwareError, Held
from mbusheadend.firmware.shelf import Shelf

__all__ = ["FirmwareError", "Held", "Shelf"]
