"""Finds the modules of a package, so that a new page needs no list."""

import importlib
import pkgutil
from types import ModuleType


def modules_of(package: ModuleType) -> tuple[ModuleType, ...]:
    """Import the modules right below a package that have a `router`, by name."""
    names = sorted(one.name for one in pkgutil.iter_modules(package.__path__))
    found = (importlib.import_module(f"{package.__name__}.{name}") for name in names)
    return tuple(module for module in found if hasattr(module, "router"))
