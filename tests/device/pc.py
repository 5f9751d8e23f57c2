"""The installer's PC at the USB cable: a network namespace of the machine, which has the cable's far end.

A kernel module (dummy_hcd) is both ends of the cable at once: the gadget, and a PC's USB port that finds it. The PC has a DHCP
client and curl, and speaks to the pages and to the API as any PC does.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from device.machine import Machine, Result

SETUP_URL: Final = "http://10.0.0.1"
API_URL: Final = f"{SETUP_URL}/api/v1"
FACTORY_PASSWORD: Final = "Kamstrup1"
USER: Final = "installer"
PASSWORD: Final = "a long passphrase"
_IN_PC: Final = "ip netns exec pc"
_LEASE_SCRIPT: Final = b"""#!/bin/sh
# Takes the address that it is given, and writes down all that the server said.
case $1 in bound|renew)
    ip address replace $ip/$mask dev $interface
    set > /run/pc-lease
esac
"""
_PLUG: Final = """
far=$(for one in /sys/class/net/*; do
    [ "$(readlink $one/device/driver | sed 's|.*/||')" != cdc_ncm ] || basename $one
done)
[ -n "$far" ] || exit 1
ip netns add pc 2>/dev/null || true
ip link set $far netns pc name cable
ip -n pc link set lo up
ip -n pc link set cable up
"""

_ASK_FOR_ADDRESS: Final = f"{_IN_PC} busybox udhcpc -i cable -n -q -f -t 10 -T 1 -s /run/pc-lease-script"
_REPLUG: Final = "cd /sys/bus/usb/devices/1-1 && echo 0 > authorized && echo 1 > authorized && udevadm settle"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP.

    :ivar status: 0 if nothing did.
    """

    status: int
    body: str

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Pc:
    """The PC.

    :param machine: that it is at.
    :ivar token: for the API, once there is a user.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.token = ""

    def plug(self) -> dict[str, str]:
        """Wait until the device shows itself at the cable, once a boot; give what its DHCP server said, as udhcpc names it."""
        machine = self._machine
        machine.until(" register 'cdc_ncm'", "dmesg", "--follow")
        machine.put("/run/pc-lease-script", _LEASE_SCRIPT, 0o755)
        for replug in (_REPLUG, _REPLUG, "false"):
            machine.run(_PLUG)
            if machine.run(_ASK_FOR_ADDRESS, check=False).status == 0:
                break
            # The driver of the PC now and then misses that there is a carrier: then one pulls the plug and puts it in again.
            machine.run(replug)
        lines = machine.get("/run/pc-lease").decode().splitlines()
        pairs = (line.partition("=") for line in lines)
        return {name: value.strip("'") for name, _, value in pairs if name.islower()}

    def run(self, script: str, **how: Any) -> Result:
        """Run a shell script on the PC."""
        return self._machine.run(f"{_IN_PC} sh -c '{script}'", **how)

    def get(self, path: str) -> Answer:
        """Open a page."""
        return self._curl(f"--location {SETUP_URL}{path}")

    def api(self, method: str, path: str, body: Any = None, *, seconds: float = 60) -> Answer:
        """Ask the API, with the token if there is one."""
        given = b"" if body is None else json.dumps(body).encode()
        how = "--header 'Content-Type: application/json' --data-binary @-" if body is not None else ""
        return self._curl(f"--request {method} {how} {API_URL}{path}", given, seconds)

    def send(
        self, path: str, kind: str, content: bytes, *, method: str = "POST", seconds: float = 60
    ) -> Answer:
        """Send a file to the API."""
        how = f"--request {method} --header 'Content-Type: {kind}' --data-binary @-"
        return self._curl(f"{how} {API_URL}{path}", content, seconds)

    def make_first_user(self) -> None:
        """Become the user `USER`, with a token."""
        given = {
            "default_password": FACTORY_PASSWORD,
            "name": USER,
            "password": PASSWORD,
            "token_title": "test",
        }
        made = self.api("POST", "/first-user", given)
        assert made.status == 201, made
        self.token = made.json["token"]["secret"]

    def _curl(self, how: str, given: bytes = b"", seconds: float = 60) -> Answer:
        token = f"--header 'Authorization: Bearer {self.token}'" if self.token else ""
        script = (
            f"{_IN_PC} curl --silent --max-time {seconds:.0f} --write-out '\\n%{{http_code}}' {token} {how}"
        )
        body, _, status = self._machine.run(
            script, seconds=seconds + 10, check=False, stdin=given
        ).output.rpartition("\n")
        return Answer(int(status), body)
