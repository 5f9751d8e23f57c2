"""Releases of the gateway in two slots: checked, installed into the other slot, counted at their first starts, taken back.

::

    /var/lib/mbusmaster-slots/      root's
        current                     link to what runs: a, b, or the package's /usr/lib/mbusmaster
        state.json                  what should run; the link is made from it
        a/ b/                       virtual environments, each with release.json
        a.new/ a.old/ work/         of an installation under way; removed by the next one
        trust/                      what is trusted of signatures (mbusreleases.verify)

===========  =====================================================================================================
layout.py    the folders, and what lies in them
state.py     what should run, in one file that is replaced as a whole
begin.py     before each start of the gateway: counts, falls back, makes the link
install.py   from a release file to the other slot, in steps
checking.py  a release file, copied and checked
rauc.py      devices whose whole system is an image
deeds.py     the verbs of the helper
===========  =====================================================================================================
"""
