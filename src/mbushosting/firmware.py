"""Releases for masters: where a head-end serves them, and the order to take one now.

``GET /hosting/v1/firmware/metadata/…`` and ``…/targets/…`` are a repository of TUF. What a master is offered depends on its
certificate. The metadata are those of the release file, as they were signed; where nothing is offered, there is no
``timestamp.json``.
"""

from typing import Annotated, Final

from pydantic import Field

from mbushosting.parts import ROOT, Message

FIRMWARE: Final = f"{ROOT}/firmware"


class UpdateOrder(Message):
    """A release that the head-end offers is to be installed now; it says nothing about what the release is worth.

    :ivar release: its number; nothing else is installed, and never one that is older than what runs.
    :ivar at_once: do not wait until nobody uses the bus.
    """

    release: Annotated[int, Field(ge=1, le=999_999)]
    at_once: bool = False
