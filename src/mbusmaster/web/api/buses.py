"""Buses: how they are, who uses them, and counters per meter."""

from datetime import datetime

from fastapi import APIRouter, HTTPException

from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.health import BusState, Cause
from mbusmaster.web.services import Services
from mbusweb.api.models import Answer, ShownOrNot
from mbusweb.api.problems import declared


class LineReading(Answer):
    """The last reading of the line monitor: mA, percent of what may be drawn, °C of the driver; null is not measured.

    `unit_loads` are the idle current in units of 1.5 mA, `trips` count how often the bus was shut down since the start, `back_in`
    is in seconds.
    """

    current: float | None
    load: float | None
    temperature: float | None
    shut_down: bool
    condition: str
    idle: float | None
    unit_loads: float | None
    trips: int
    back_in: float | None


class Bus(Answer):
    """A bus, and at which rates it may be scanned; `line` is null without a line monitor."""

    name: str
    state: BusState
    reason: str
    cause: Cause
    warnings: tuple[str, ...]
    line: LineReading | None
    scan_rates: tuple[int, ...]


class BusHolder(Answer):
    """Who has the bus; `since` is seconds. `sending` is false while the bus is kept for the next request."""

    number: int
    client: str
    source: str
    meter: str
    since: float
    sending: bool


class BusWaiter(Answer):
    """Who waits for the bus, for so many seconds."""

    number: int
    client: str
    source: str
    meter: str
    since: float


class Counters(Answer):
    """What became of a client's requests."""

    requests: int
    inserted: int
    withheld: int
    refused: int
    given_up: int
    writes: int
    replies: int
    acknowledgements: int
    silences: int
    garbled: int


class BusClient(Answer):
    """Who is connected, for how many seconds, and since how many it is quiet; null when it never asked."""

    number: int
    client: str
    kind: str
    source: str
    connected: float
    quiet: float | None
    counters: Counters


class Users(Answer):
    """Who uses a bus now; `waiting` in the order in which they came."""

    holder: BusHolder | None
    waiting: tuple[BusWaiter, ...]
    clients: tuple[BusClient, ...]


class MeterCount(Answer):
    """What was asked of one meter since the start, by whomever, and what came of it."""

    primary: int | None
    secondary: ShownOrNot
    requests: int
    answers: int
    retries: int
    silences: int
    garbled: dict[str, int]
    last_asked: datetime | None
    last_answered: datetime | None
    mean_seconds: float | None


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["buses"])

    @routes.get("/buses")
    async def list_buses() -> list[Bus]:
        """List the buses and how they are."""
        return [_bus(services, engine) for engine in services.buses]

    @routes.get("/buses/{bus}", responses=declared(404))
    async def get_bus(bus: str) -> Bus:
        """Tell how a bus is."""
        return _bus(services, engine_named(services, bus))

    @routes.get("/buses/{bus}/users", responses=declared(404))
    async def get_bus_users(bus: str) -> Users:
        """Tell who has the bus, who waits for it, and who is connected."""
        return Users.of(engine_named(services, bus).users())

    @routes.get("/buses/{bus}/meters", responses=declared(404))
    async def list_meter_counters(bus: str) -> list[MeterCount]:
        """Count per meter; the one that was asked last is at the end."""
        return [MeterCount.of(one) for one in engine_named(services, bus).meters.all()]

    return routes


def engine_named(services: Services, bus: str) -> BusEngine:
    """Give the bus of a name, or 404."""
    for engine in services.buses:
        if engine.name == bus:
            return engine
    raise HTTPException(404)


def _bus(services: Services, engine: BusEngine) -> Bus:
    health = engine.health
    return Bus(
        name=engine.name,
        state=health.state,
        reason=health.reason,
        cause=health.cause,
        warnings=health.warnings,
        line=None if health.line is None else LineReading.of(health.line),
        scan_rates=services.scanner.rates(engine.name) if engine.name in services.scanner.buses else (),
    )
