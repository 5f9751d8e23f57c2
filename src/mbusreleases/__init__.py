"""Releases: what a release file is, how one is checked, and how one is made.

A release file ``MBMC2022_release_NNNN.tar`` is a small TUF repository (theupdateframework.io) in a plain tar::

    metadata/   N.root.json (all, from 1), timestamp.json, N.snapshot.json, N.targets.json
    targets/    <sha256>.mbusmaster-NNNN-py311-x86_64.tar, one for each platform the release was built for

A target is a tar of ``release.json`` and ``wheels/``: mbusmaster and all that it depends on, for one Python and architecture. The
update server is the same tree of files served over HTTP, so both ways are checked by the same code.

================  ==================================================================================================
description.py    what a release says of itself, and what a machine can run
errors.py         why a release is not taken, in words that pages can translate
archive.py        plain tars from strangers: bounded, regular files and folders only; and how they are written
sources.py        where a repository is read from: an unpacked file, or a server
verify.py         whether a repository offers a release that this machine may install
keys.py           the keys of those who make releases
repository.py     metadata: signed by the keys
wheels.py         from the lock file to the wheels of a release
making.py         what those who make releases do
================  ==================================================================================================
"""
