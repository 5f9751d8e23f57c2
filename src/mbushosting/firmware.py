"""Where a head-end serves releases: ``GET /hosting/v1/firmware/metadata/…`` and ``…/targets/…``, a repository of TUF.

What a master is offered depends on its certificate. The metadata are those of the release file, as they were signed; where
nothing is offered, there is no ``timestamp.json``.
"""

from typing import Final

from mbushosting.parts import ROOT

FIRMWARE: Final = f"{ROOT}/firmware"
