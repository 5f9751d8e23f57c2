"""The errors of releases; why one is not taken stands in templates that pages can translate.

::

    ReleasesError
    ├── ReleaseError        template and values apart; the release was not taken and nothing has changed
    ├── KeyFileError        a private key cannot be read, or is there already
    └── MakingError         a release cannot be made like this
"""

from collections.abc import Mapping
from typing import Final

from mbusweb.texts import mark

# What the file is.
NOT_A_TAR: Final = mark("%(file)s is not a release file: it cannot be read as a tar. Download it again.")
WRONG_FILE_NAME: Final = mark(
    "%(file)s is not the name of a release file: these are called MBMC2022_release_NNNN.tar."
)
WRONG_NAME: Final = mark(
    "%(file)s holds release %(release)s: somebody renamed it. Name it after what it holds, or download it again."
)
CUT_OFF: Final = mark("%(file)s ends too early: it was not received whole. Send it again.")
TOO_BIG: Final = mark("%(file)s holds more than %(most)s MB: that is no release. Download it again.")
TOO_MANY_FILES: Final = mark(
    "%(file)s holds more than %(most)s files: that is no release. Download it again."
)
NO_PLAIN_FILE: Final = mark(
    "%(file)s holds %(member)s, which is neither a plain file nor a folder: releases hold no links and no devices. "
    "Do not use it."
)
BAD_PATH: Final = mark(
    "%(file)s holds %(member)s, a name that no release holds: it could write elsewhere. Do not use it."
)
TWICE: Final = mark("%(file)s holds %(member)s twice: that is no release. Do not use it.")
NO_SPACE: Final = mark(
    "There is no room for the release: %(need)s MB are needed on %(folder)s, %(free)s MB are free. Make room there."
)
INCOMPLETE: Final = mark("The release lacks %(file)s: it is damaged. Download it again.")
# What it is signed with.
ALTERED_FILE: Final = mark(
    "%(file)s in the release is not what was signed: it was altered or damaged. Download it again; where that does not "
    "help, do not use it."
)
ALTERED_METADATA: Final = mark(
    "The signed description of the release (%(file)s) was altered or damaged. Download it again; where that does not "
    "help, do not use it."
)
WRONG_SIGNATURE: Final = mark(
    "The release is not signed with the keys that this master trusts (%(file)s). Take releases only from where they are "
    "published."
)
WRONG_ROOT: Final = mark(
    "The release names new root keys (%(file)s) that the keys before them did not sign. Take releases only from where "
    "they are published."
)
EXPIRED: Final = mark(
    "The signatures of the release are valid until %(until)s (%(file)s), and the clock says %(now)s. Correct the clock if "
    "it is wrong, otherwise get a newer file."
)
NO_ROOT: Final = mark(
    "This system has no keys to check releases with (%(path)s): none can be installed. Install the package of the master "
    "anew."
)
DAMAGED_ROOT: Final = mark(
    "The keys to check releases with (%(path)s) cannot be used: none can be installed. Install the package of the master "
    "anew."
)
# What it is for.
NO_RELEASE: Final = mark("The file holds no release. Download it again.")
OLDER_METADATA: Final = mark(
    "The description of this release is older than one that was checked here before: older releases are not installed. "
    "Get the newest file."
)
OLDER_RELEASE: Final = mark(
    "Release %(release)s is older than release %(installed)s, which is installed. Take a newer one."
)
SAME_RELEASE: Final = mark("Release %(release)s is installed already.")
WRONG_PLATFORM: Final = mark(
    "Release %(release)s is for %(offered)s, and this system is %(here)s. Get the file for this system."
)
CONTRADICTION: Final = mark(
    "Release %(release)s contradicts its own description (%(what)s). Do not use it; tell who made it."
)
# Where it comes from.
NO_ANSWER: Final = mark("The update server does not answer (%(reason)s). It is asked again later.")
SERVER_LACKS: Final = mark(
    "The update server has no %(file)s: it is not an update server, or is not set up. Check its address."
)


class ReleasesError(Exception):
    """Base of everything that this package raises on purpose."""


class KeyFileError(ReleasesError):
    """A private key cannot be read, or is there already."""


class MakingError(ReleasesError):
    """A release cannot be made like this."""


class ReleaseError(ReleasesError):
    """A release was not taken; nothing has changed.

    :ivar template: what, and what to do, in English: one of the constants of this module.
    :ivar values: what stands at its ``%(name)s``.
    """

    def __init__(self, template: str, values: Mapping[str, str | int] | None = None) -> None:
        self.template = template
        self.values = dict(values or {})
        super().__init__(template % self.values if self.values else template)
