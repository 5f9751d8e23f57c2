"""The streams and consumers of the head-end: made where there are none, and checked where there are."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import APIError, NotFoundError

from mbusheadend.stream.errors import StreamError
from mbusheadend.stream.format import dead_subject, readings_subject
from mbusheadend.stream.settings import StreamSettings

TWICE_WITHIN: Final = timedelta(minutes=10)
"""For so long the stream knows what it has; what is published again later is dropped by the store."""
ACK_SECONDS: Final = 15.0
"""After which a message that a writer took and is silent about goes to another, or what a node had sent when it died."""
MAX_UNDER_WAY: Final = 4096
WRITER: Final = "writer-"
"""Begins the names of the consumers of writers; the tenant follows."""


def stream_of_readings(settings: StreamSettings) -> str:
    """Give the name of the stream of readings."""
    return f"{settings.name}-readings"


def stream_of_dead(settings: StreamSettings) -> str:
    """Give the name of the stream of dead letters."""
    return f"{settings.name}-dead"


def writer_of(tenant: str) -> str:
    """Give the name of the consumer of the writers of a tenant."""
    return f"{WRITER}{tenant}"


def wanted(settings: StreamSettings) -> tuple[StreamConfig, StreamConfig]:
    """Give how the stream of readings and that of dead letters are made."""
    readings, dead = readings_subject, dead_subject
    return (
        _config(
            stream_of_readings(settings),
            "Readings of M-Bus masters; see docs/stream.md",
            readings(settings.name, "*", "*"),
            settings.max_bytes,
            settings.replicas,
        ),
        _config(
            stream_of_dead(settings),
            "Readings that cannot be stored, each with why",
            dead(settings.name, "*", "*"),
            settings.dead_bytes,
            settings.replicas,
        ),
    )


async def prepare(jetstream: JetStreamContext, settings: StreamSettings) -> tuple[str, ...]:
    """Make what is not there; say what is not as it should be. Raise `StreamError`."""
    complaints: list[str] = []
    try:
        for config in wanted(settings):
            complaints += complaints_of(config, await _stream(jetstream, config))
        complaints += complaints_of_writer(await _writer(jetstream, settings))
    except APIError as error:
        raise StreamError(f"JetStream refuses: {error.description}") from error
    except (Error, OSError) as error:
        raise StreamError(f"JetStream does not answer: {error!r}") from error
    return tuple(complaints)


def complaints_of(config: StreamConfig, info: StreamInfo) -> list[str]:
    """Say what is wrong with a stream: what could lose readings, and what was set otherwise."""
    found, name = info.config, config.name
    said: list[str] = []
    if found.storage != StorageType.FILE:
        said.append(f"{name} is kept in memory: what was acknowledged is lost when the nodes end")
    if (found.num_replicas or 1) < (config.num_replicas or 1):
        said.append(f"{name} has {found.num_replicas} replicas, the settings say {config.num_replicas}")
    if found.retention != RetentionPolicy.LIMITS:
        said.append(f"{name} has another retention than `limits`: messages go when some consumer has them")
    if found.discard != DiscardPolicy.NEW:
        said.append(f"{name} drops old messages when it is full, written or not: its discard should be `new`")
    if found.max_age:
        said.append(f"{name} drops messages of a certain age, written or not: its max_age should be 0")
    if (found.max_msgs or -1) > 0 or found.max_msgs_per_subject > 0:
        said.append(f"{name} has a limit for the number of messages")
    if found.max_bytes != config.max_bytes:
        said.append(f"{name} takes {found.max_bytes} bytes, the settings say {config.max_bytes}")
    if not set(config.subjects or ()) <= set(found.subjects or ()):
        said.append(f"{name} does not have the subjects {' '.join(config.subjects or ())}")
    if found.no_ack:
        said.append(f"{name} acknowledges nothing")
    if found.duplicate_window < TWICE_WITHIN.total_seconds():
        said.append(f"{name} knows what it has for {found.duplicate_window:.0f} s only")
    return said + [
        f"{name}: the node {replica.name} is {'gone' if replica.offline else 'behind'}"
        for replica in (info.cluster and info.cluster.replicas) or ()
        if replica.offline or not replica.current
    ]


def complaints_of_writer(info: ConsumerInfo) -> list[str]:
    """Say what is wrong with the consumer of the writers."""
    found = info.config
    said: list[str] = []
    if found.ack_policy != AckPolicy.EXPLICIT:
        said.append(f"the consumer {info.name} does not wait for each acknowledgement")
    if (found.max_deliver or -1) > 0:
        said.append(f"the consumer {info.name} gives a message up after {found.max_deliver} deliveries")
    return said


async def writers(jetstream: JetStreamContext, stream: str) -> AsyncIterator[ConsumerInfo]:
    """Give the consumers of writers, of all tenants. Raise errors of the client."""
    for info in await consumers(jetstream, stream):
        if info.name.startswith(WRITER):
            yield info


async def consumers(jetstream: JetStreamContext, stream: str) -> list[ConsumerInfo]:
    """Give all consumers of a stream, page by page. Raise errors of the client."""
    found: list[ConsumerInfo] = []
    while True:
        page = await jetstream.consumers_info(stream, offset=len(found))
        found += page
        if not page:
            return found


def _config(name: str, text: str, subject: str, most: int, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=name,
        description=text,
        subjects=[subject],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_bytes=most,
        duplicate_window=TWICE_WITHIN.total_seconds(),
    )


async def _stream(jetstream: JetStreamContext, config: StreamConfig) -> StreamInfo:
    assert config.name is not None
    try:
        return await jetstream.stream_info(config.name)
    except NotFoundError:
        await jetstream.add_stream(config)
        return await jetstream.stream_info(config.name)


async def _writer(jetstream: JetStreamContext, settings: StreamSettings) -> ConsumerInfo:
    stream, name = stream_of_readings(settings), writer_of(settings.tenant)
    info: ConsumerInfo
    try:
        info = await jetstream.consumer_info(stream, name)
    except NotFoundError:
        info = await jetstream.add_consumer(
            stream,
            ConsumerConfig(
                durable_name=name,
                description="Writes readings to the store of the head-end",
                filter_subject=readings_subject(settings.name, settings.tenant, "*"),
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_SECONDS,
                max_deliver=-1,
                max_ack_pending=MAX_UNDER_WAY,
            ),
        )
    return info
