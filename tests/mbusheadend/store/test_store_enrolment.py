"""Tokens work once, certificates until they are revoked."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from mbusheadend.store import Store, StoreError, UnknownError

NOW: Final = datetime(2026, 11, 23, 2, tzinfo=UTC)
LATER: Final = NOW + timedelta(days=1)
NUMBER: Final = 2**159 - 1
"""As large as serial numbers of certificates may be."""


async def test_a_token_takes_in_one_master_once(store: Store) -> None:
    await store.add_token(b"hash", LATER, "for the cellar", NOW)
    wins = await asyncio.gather(*(store.use_token(b"hash", f"M{number}", NOW) for number in range(8)))
    assert sorted(wins) == [False] * 7 + [True]
    (token,) = await store.tokens()
    assert token.used == NOW
    assert token.used_by == f"M{wins.index(True)}"
    assert [master.serial for master in await store.masters()] == [token.used_by]


async def test_a_token_that_expired_or_was_never_made_or_deleted_takes_nobody_in(store: Store) -> None:
    await store.add_token(b"old", NOW, "", NOW - timedelta(hours=1))
    await store.add_token(b"deleted", LATER, "", NOW)
    await store.delete_token(b"deleted")
    assert not await store.use_token(b"old", "M1", NOW)
    assert not await store.use_token(b"deleted", "M1", NOW)
    assert not await store.use_token(b"unknown", "M1", NOW)
    assert await store.masters() == ()


async def test_a_master_may_be_taken_in_again(store: Store) -> None:
    for hash in (b"one", b"two"):
        await store.add_token(hash, LATER, "", NOW)
    assert await store.use_token(b"one", "M1", NOW)
    assert await store.use_token(b"two", "M1", NOW + timedelta(hours=1))
    assert (await store.master("M1")).enrolled == NOW + timedelta(hours=1)


async def test_the_same_token_is_not_stored_twice(store: Store) -> None:
    await store.add_token(b"hash", LATER, "", NOW)
    with pytest.raises(StoreError):
        await store.add_token(b"hash", LATER, "", NOW)


async def test_a_certificate_is_trusted_from_issue_to_revocation(store: Store) -> None:
    assert not await store.is_trusted(NUMBER)
    await store.add_certificate("M1", NUMBER, LATER, NOW)
    assert await store.is_trusted(NUMBER)
    await store.revoke_certificate(NUMBER, NOW)
    await store.revoke_certificate(NUMBER, LATER)
    assert not await store.is_trusted(NUMBER)
    (certificate,) = await store.certificates("M1")
    assert (certificate.number, certificate.not_after, certificate.revoked) == (NUMBER, LATER, NOW)


async def test_a_certificate_that_was_never_issued_cannot_be_revoked(store: Store) -> None:
    with pytest.raises(UnknownError):
        await store.revoke_certificate(1, NOW)


async def test_all_certificates_of_a_master_are_revoked_together(store: Store) -> None:
    for number, serial in ((1, "M1"), (2, "M1"), (3, "M2")):
        await store.add_certificate(serial, number, LATER, NOW)
    assert await store.revoke_master("M1", NOW) == 2
    assert [await store.is_trusted(number) for number in (1, 2, 3)] == [False, False, True]
