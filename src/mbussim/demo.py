"""Who lives on the bus that `mbussim serve` offers: meters of every model in turn, recorded ones on top."""

import importlib.util
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from mbus.addressing import ID_DIGITS, LAST_PRIMARY, is_primary
from mbussim.bus import Bus
from mbussim.installation import InstallationError
from mbussim.meter import Meter
from mbussim.model import Model, models
from mbussim.modelled import ModelledMeter
from mbussim.population import population
from mbussim.replay import LeftOut, replay


def usable_models() -> list[Model]:
    """Give the models that can be simulated here: those that encrypt need the package `cryptography`."""
    can_encrypt = importlib.util.find_spec("cryptography") is not None
    return [model for model in models().values() if model.key is None or can_encrypt]


def modelled_meters(n: int, ids: str, seed: int, began: datetime) -> list[Meter]:
    """Give `n` meters of the models in turn; primary addresses count from 1 and begin again after 250."""
    library = usable_models()
    return [
        ModelledMeter(
            library[index % len(library)], 1 + index % LAST_PRIMARY, identity.identification, began, seed
        )
        for index, identity in enumerate(population(n, ids, seed))
    ]


def with_recorded(meters: list[Meter], folder: Path) -> tuple[list[Meter], list[LeftOut]]:
    """Put the recorded telegrams of a folder behind meters; tell what was left out."""
    recorded, left_out = replay(
        folder,
        [meter.primary for meter in meters],
        [meter.secondary for meter in meters if meter.secondary is not None],
    )
    return [*meters, *recorded], left_out


def maker(bus: Bus, began: datetime, seed: int) -> Callable[[str, int | None, str | None], Meter]:
    """Give a function that makes one more meter of a model for a bus, at a free address where none is given."""

    def make(model: str, primary: int | None, identification: str | None) -> Meter:
        known = {one.slug: one for one in usable_models()}
        if model not in known:
            raise InstallationError(f"{model!r} is no model: those are {', '.join(known)}")
        taken = {meter.primary for meter in bus.meters}
        if primary is None:
            primary = next((one for one in range(1, LAST_PRIMARY + 1) if one not in taken), LAST_PRIMARY)
        if not is_primary(primary):
            raise InstallationError(f"{primary} is no primary address")
        if identification is None:
            identification = population(len(taken) + 1, "random", seed + 1)[-1].identification
        if not (identification.isdecimal() and len(identification) == ID_DIGITS):
            raise InstallationError(f"{identification!r} has not {ID_DIGITS} digits")
        return ModelledMeter(known[model], primary, identification, began, seed)

    return make
