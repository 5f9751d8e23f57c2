"""Gives up messages that are in the store and old enough; nothing that is not written is ever given up.

JetStream's own limit for age knows nothing of the store: a store that is down for longer would lose what was acknowledged.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy

from mbusheadend.stream.layout import stream_of_readings, writers
from mbusheadend.stream.settings import StreamSettings

FULL: Final = 0.8
"""Share of the limit from which on also younger messages are given up, down to `ROOMY`, so that uploads go on."""
ROOMY: Final = 0.6

_log = logging.getLogger(__name__)


async def give_up_old(jetstream: JetStreamContext, settings: StreamSettings, now: datetime) -> int:
    """Do it once; give how many messages went. Raise errors of the client."""
    name = stream_of_readings(settings)
    state = (await jetstream.stream_info(name)).state
    if not state.messages:
        return 0
    # The state is older than what the consumers say: what came since is in neither.
    floors = [_written(info, state.last_seq) async for info in writers(jetstream, name)]
    written = min(floors, default=0)
    last = min(written, await _older_than(jetstream, name, now - timedelta(hours=settings.keep_hours)))
    if state.bytes > FULL * settings.max_bytes:
        share = 1 - ROOMY * settings.max_bytes / state.bytes
        forced = min(written, state.first_seq + int(share * state.messages))
        if forced > last:
            _log.warning("the stream is nearly full: written messages are given up before their time")
        last = max(last, forced)
    if last < state.first_seq:
        return 0
    await jetstream.purge_stream(name, seq=last + 1)
    return last + 1 - state.first_seq


def _written(info: ConsumerInfo, last: int) -> int:
    """Give the number up to which a consumer has all of its messages in the store."""
    if not info.num_pending and not info.num_ack_pending:
        return last
    return info.ack_floor.stream_seq if info.ack_floor is not None else 0


async def _older_than(jetstream: JetStreamContext, stream: str, moment: datetime) -> int:
    """Give the number of the last message before a moment."""
    # A consumer that begins at that moment says where that is, and is gone by itself.
    info = await jetstream.add_consumer(
        stream,
        ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_TIME,
            opt_start_time=moment,
            ack_policy=AckPolicy.NONE,
            num_replicas=1,
            mem_storage=True,
            inactive_threshold=5,
        ),
    )
    await jetstream.delete_consumer(stream, info.name)
    return info.delivered.stream_seq if info.delivered is not None else 0
