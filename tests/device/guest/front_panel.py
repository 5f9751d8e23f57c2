"""Lamps and a button that are not there: an input device made by uinput, whose lamps the kernel offers as LEDs.

Run by the Python of our package, which has evdev. Says ``ready EVENT``, then each change of a lamp: ``lamp NUMBER VALUE``.
A ``1`` or ``0`` on its standard input presses the key or lets it go.
"""

import selectors
import sys

from evdev import UInput, ecodes

LAMPS = (
    ecodes.LED_NUML,
    ecodes.LED_CAPSL,
    ecodes.LED_SCROLLL,
    ecodes.LED_COMPOSE,
    ecodes.LED_KANA,
    ecodes.LED_MAIL,
)


def main() -> None:
    """Be the panel until the standard input ends."""
    with (
        UInput({ecodes.EV_KEY: [ecodes.KEY_RESTART], ecodes.EV_LED: LAMPS}, name="front panel") as panel,
        selectors.DefaultSelector() as selector,
    ):
        print("ready", panel.device.path, flush=True)
        selector.register(panel.fd, selectors.EVENT_READ, "lamps")
        selector.register(sys.stdin, selectors.EVENT_READ, "key")
        while True:
            for key, _ in selector.select():
                if key.data == "lamps":
                    for event in panel.read():
                        if event.type == ecodes.EV_LED:
                            print("lamp", LAMPS.index(event.code), event.value, flush=True)
                    continue
                if not (line := sys.stdin.readline()):
                    return
                panel.write(ecodes.EV_KEY, ecodes.KEY_RESTART, int(line))
                panel.syn()


if __name__ == "__main__":
    main()
