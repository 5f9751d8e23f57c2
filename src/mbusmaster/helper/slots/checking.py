"""A release file from the gateway's folder, copied and checked; apart from the rest because of what it loads."""

import os
import shutil
from datetime import datetime
from pathlib import Path

from mbusmaster.helper.slots.layout import Places
from mbusreleases.description import Kind, this_platform
from mbusreleases.sources import from_folder, from_folder_of_server
from mbusreleases.verify import Release, open_bundle, verify


def verified(
    handle: int,
    name: str,
    work: Path,
    places: Places,
    *,
    installed: int,
    now: datetime,
    from_server: bool,
    kind: Kind = Kind.SLOTS,
) -> Release:
    """Copy what a release file holds into a folder of root, check the copy, and give the release in it; raise `ReleaseError`.

    The file is read once, from its opened handle: its owner may change it meanwhile, and then the copy is not what was signed.
    """
    copy = work / "file"
    copy.mkdir(mode=0o700)
    open_bundle(os.dup(handle), copy, name)
    source = from_folder_of_server(copy) if from_server else from_folder(copy)
    release = verify(
        source,
        places.root / "trust",
        root=places.trust,
        now=now,
        platform=this_platform(kind),
        installed=installed,
        into=work,
        name=name,
    )
    shutil.rmtree(copy)
    return release
