"""Uploads go into the stream: what it holds is receipted, and the store is not needed for that."""

import asyncio
import logging
from datetime import datetime
from typing import Final

from mbusheadend.errors import RefusedError
from mbusheadend.store.errors import WrongOwnerError
from mbusheadend.stream.errors import StreamError, StreamFullError
from mbusheadend.stream.figures import Deed, Figures
from mbusheadend.stream.format import pack, readings_subject
from mbusheadend.stream.layout import stream_of_readings
from mbusheadend.stream.link import Link
from mbusheadend.stream.settings import StreamSettings
from mbushosting.contact import RefusalCode
from mbushosting.readings import Batch, Receipt

AGAIN_SECONDS: Final = 15
"""A new leader is there by then."""
FULL_SECONDS: Final = 300

_log = logging.getLogger(__name__)


class StreamIntake:
    """As `mbusheadend.store.Intake`, but the stream takes it."""

    def __init__(self, link: Link, settings: StreamSettings, figures: Figures) -> None:
        self._link = link
        self._settings = settings
        self._figures = figures
        self._is_refusing = False

    async def take(
        self, serial: str, batch: Batch, received: datetime, *, certificate: int | None = None
    ) -> Receipt:
        """Put a batch into the stream, all of it or, without a receipt, perhaps a part.

        All readings are receipted: what the store will refuse later becomes a dead letter, and is lost nowhere. Raise
        `WrongOwnerError` where the batch is another's, and `RefusedError` where the master has to come again.

        :param certificate: serial number of one that the store could not be asked about: whoever writes asks first.
        """
        if batch.serial_number != serial:
            raise WrongOwnerError(f"the master {serial} delivered for {batch.serial_number}")
        if not self._figures.is_ready:
            raise self._refused(StreamError("it is not there yet"))
        subject = readings_subject(self._settings.name, self._settings.tenant, serial)
        most = self._link.body_bytes
        parcels = await asyncio.to_thread(pack, batch, received, subject, most, certificate)
        try:
            for parcel in parcels:
                if await self._link.publish(parcel, stream_of_readings(self._settings)):
                    self._figures.count(Deed.REPEATED)
        except StreamError as error:
            raise self._refused(error) from error
        if self._is_refusing:
            _log.info("the stream takes uploads again")
            self._is_refusing = False
        self._figures.count(Deed.ACKNOWLEDGED)
        return Receipt(stored=tuple(dict.fromkeys(reading.id for reading in batch.readings)))

    def _refused(self, error: StreamError) -> RefusedError:
        if not self._is_refusing:
            _log.warning("uploads are refused: %s", error)
            self._is_refusing = True
        if isinstance(error, StreamFullError):
            self._figures.count(Deed.FULL)
            return RefusedError(503, RefusalCode.BUSY, "the stream is full", retry_after=FULL_SECONDS)
        self._figures.count(Deed.REFUSED)
        return RefusedError(
            503, RefusalCode.TROUBLE, "the stream does not acknowledge now", retry_after=AGAIN_SECONDS
        )
