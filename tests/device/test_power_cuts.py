"""Power cuts at random moments while settings, users and the meter list are written: what was acknowledged is there."""

import itertools
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from device.agent_channel import MachineGoneError
from device.pc import Answer, Pc
from device.product import UNIT, Site

pytestmark = [pytest.mark.device, pytest.mark.timeout(36000)]

LONGEST_SECONDS = 25.0
"""Between the first write and the cut."""
PASSWORD = "another long passphrase"
HEADER = "secondary_address,note"


@dataclass(slots=True)
class Known:
    """What must be there after a cut.

    :ivar names: that the device may have; more than one while a change was not acknowledged.
    :ivar users: by name; None: adding or deleting was not acknowledged.
    :ivar meters: likewise, by secondary address.
    """

    names: set[str] = field(default_factory=lambda: {""})
    users: dict[str, bool | None] = field(default_factory=dict)
    meters: dict[str, bool | None] = field(default_factory=dict)
    acknowledged: int = 0


def _write_on(pc: Pc, known: Known, numbers: Iterator[int]) -> None:
    """Change things until the machine is gone."""
    while True:
        number = next(numbers)
        _rename(pc, known, f"device {number}")
        _import(pc, known, f"{number:08d}2D2C3504")
        if number % 4 == 0:
            _add(pc, known, f"user{number}")
        elif number % 4 == 2:
            for name in [name for name, there in known.users.items() if there]:
                _delete(pc, known, name)


def _rename(pc: Pc, known: Known, name: str) -> None:
    known.names.add(name)
    _done(pc.api("PATCH", "/settings", {"device.name": name}), known)
    known.names = {name}


def _import(pc: Pc, known: Known, address: str) -> None:
    known.meters[address] = None
    _done(pc.send("/meters/import", "text/csv", f"{HEADER}\n{address},written\n".encode()), known)
    known.meters[address] = True


def _add(pc: Pc, known: Known, name: str) -> None:
    known.users[name] = None
    _done(pc.api("POST", "/users", {"name": name, "password": PASSWORD}), known)
    known.users[name] = True


def _delete(pc: Pc, known: Known, name: str) -> None:
    known.users[name] = None
    _done(pc.api("DELETE", f"/users/{name}"), known)
    known.users[name] = False


def _done(answer: Answer, known: Known) -> None:
    if answer.status == 0:
        raise MachineGoneError("no answer")
    assert 200 <= answer.status < 300, answer
    known.acknowledged += 1


def _check(pc: Pc, known: Known) -> None:
    """Compare; afterwards nothing is unknown."""
    name = pc.api("GET", "/settings").json["stored"]["device"]["name"]
    assert name in known.names
    users = {user["name"] for user in pc.api("GET", "/users").json}
    listed = {line.split(",")[0].strip('"') for line in pc.api("GET", "/meters.csv").body.splitlines()[1:]}
    for there, kept in ((users, known.users), (listed, known.meters)):
        assert {one for one, is_there in kept.items() if is_there} <= there
        assert not {one for one, is_there in kept.items() if is_there is False} & there
        kept.update({one: one in there for one in kept})
    known.names = {name}


def test_power_cuts_lose_nothing_that_was_acknowledged(site: Site, request: pytest.FixtureRequest) -> None:
    machine, pc = site.machine, site.pc
    known, numbers = Known(), itertools.count(1)
    for cut in range(request.config.getoption("--power-cuts")):
        # The API is loaded when it is first used, which takes a while here.
        _rename(pc, known, f"cut {cut + 1}")
        seconds = random.uniform(0.5, LONGEST_SECONDS)
        power = threading.Timer(seconds, machine.power_cut)
        power.start()
        with pytest.raises(MachineGoneError):
            _write_on(pc, known, numbers)
        power.join()
        machine.boot()
        assert machine.run(f"systemctl is-active {UNIT}", check=False).output.strip() == "active"
        pc.plug()
        try:
            _check(pc, known)
        except AssertionError as error:
            error.add_note(f"cut {cut + 1} after {seconds:.2f} s, {known.acknowledged} writes acknowledged")
            raise
    assert known.acknowledged > 0
