"""Values made again from the raw telegrams of an archive."""

from pathlib import Path

import pytest

from mbus.addressing import SecondaryAddress
from mbusheadend.archive import redecode
from mbusheadend.archive.manifest import Manifest
from mbusheadend.archive.places import Folder
from mbusheadend.archive.restoring import readings_in
from mbusheadend.decoding.telegrams import DECODER, Decoded
from mbusheadend.store import Store, StoredReading
from support.headend_archive import BEGAN, JULY, archivist, filled
from support.headend_messages import SERIAL, batch, enrol, reading
from support.headend_meters import ADDRESS, KEY, METER, encrypted, number_of


async def archived(store: Store, folder: Path) -> Manifest:
    """Archive the store; give what July has."""
    archive = archivist(store, folder)
    await archive.turn()
    manifest = await archive.manifest(JULY)
    assert manifest is not None
    return manifest


def again(
    manifest: Manifest, source: Path, target: Path, keys: redecode.Keys | None = None
) -> list[StoredReading]:
    """Decode the one file of a month again, and give its readings."""
    (file,) = manifest.files
    task = redecode.Task((str(source), {}), (str(target), {}), manifest, file, keys or {})
    made = redecode.redecode(task)
    changed = manifest.model_copy(update={"files": (made,)})
    return [one.reading for one in readings_in(Folder(target), changed)]


async def test_the_same_decoder_makes_the_same_file(store: Store, tmp_path: Path) -> None:
    await filled(store)
    manifest = await archived(store, tmp_path / "one")
    again(manifest, tmp_path / "one", tmp_path / "two")
    name = manifest.path(manifest.files[0])
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


async def test_another_decoder_makes_other_values_of_the_telegrams(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(store)
    manifest = await archived(store, tmp_path / "one")
    monkeypatch.setattr(redecode, "DECODER", DECODER + 1)
    monkeypatch.setattr(redecode, "decode", lambda frame, key: Decoded(7, 0, "", ()))
    for one in again(manifest, tmp_path / "one", tmp_path / "two"):
        if one.telegrams:
            assert {(said.access_number, said.values) for said in one.decoded} == {(7, ())}
            assert one.decoder == DECODER + 1
        else:
            assert (one.decoded, one.decoder) == ((), DECODER)


async def test_without_its_key_an_encrypted_meter_keeps_its_values(store: Store, tmp_path: Path) -> None:
    await enrol(store)
    await store.take(SERIAL, batch(reading(1, ADDRESS, [encrypted(5, 1)], taken=BEGAN)), BEGAN)
    meter = await number_of(store)
    await store.set_key(meter, KEY)
    await store.redecode_meter(meter)
    manifest = await archived(store, tmp_path / "one")
    (kept,) = again(manifest, tmp_path / "one", tmp_path / "two")
    assert kept.decoded[0].values[0].value == 5000


async def test_with_a_key_what_was_closed_is_opened(store: Store, tmp_path: Path) -> None:
    await enrol(store)
    await store.take(SERIAL, batch(reading(1, ADDRESS, [encrypted(5, 1)], taken=BEGAN)), BEGAN)
    manifest = await archived(store, tmp_path / "one")
    wanted = SecondaryAddress(METER.identification)
    keys = {METER.identification: [(wanted, KEY)]}
    (opened,) = again(manifest, tmp_path / "one", tmp_path / "two", keys)
    assert opened.decoded[0].values[0].value == 5000
    assert opened.decoded[0].error == ""
