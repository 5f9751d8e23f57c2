"""Local reading (guide 5.1, 5.2): masters that the head-end reads itself, over serial, TCP or TLS, with an imported meter list.

What is read is stored like all readings, so the same tables, plots and exports show it.
"""

from mbusheadend.local.check import start_check
from mbusheadend.local.credentials import NO_CREDENTIALS, Credentials
from mbusheadend.local.errors import LocalError
from mbusheadend.local.masters import (
    ListImport,
    add_master,
    change_master,
    delete_master,
    import_list,
)
from mbusheadend.local.older import keep_adopting
from mbusheadend.local.reading import KIND, read_local, start_reading

__all__ = [
    "KIND", "NO_CREDENTIALS", "Credentials", "ListImport", "LocalError", "add_master", "change_master",
    "delete_master", "import_list", "keep_adopting", "read_local", "start_check", "start_reading",
]  # fmt: skip
