"""Run by the Python of the package: imports every module that is inside, and says which cannot be."""

import importlib
import pkgutil

import mbus
import mbusio
import mbusmaster
import mbusreleases
import mbussim
import mbusweb

TOOLS = ("mbusweb.locale.extract",)
"""Of developers: what they need is not in the package."""

count = 0
for package in (mbus, mbusio, mbussim, mbusweb, mbusreleases, mbusmaster):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".__main__") and module.name not in TOOLS:
            importlib.import_module(module.name)
            count += 1
for name in ("evdev", "gpiod", "uvloop", "tuf.ngclient", "dbus_fast.aio", "argon2", "zeroconf"):
    importlib.import_module(name)
print("all" if count > 200 else f"only {count}")
