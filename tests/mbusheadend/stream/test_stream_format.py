"""What a message of readings looks like, and what is none."""

import gzip
import json
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusheadend.stream.errors import FormatError
from mbusheadend.stream.format import (
    MAX_UNPACKED,
    Header,
    dead_letter,
    dead_subject,
    pack,
    readings_subject,
    understand,
)
from mbusheadend.stream.settings import StreamSettings, servers_of
from support.headend_messages import LATER
from support.stream import upload

SUBJECT = readings_subject("mbus", "default", "M1")


def test_a_message_says_what_an_upload_said() -> None:
    (parcel,) = pack(upload(0), LATER, SUBJECT, 1 << 20, certificate=7)
    told = understand(parcel.headers, parcel.body)
    assert (told.batch, told.received, told.certificate) == (upload(0), LATER, 7)
    assert parcel.headers[Header.READINGS] == "4"
    assert parcel.headers[Header.PART] == "1/1"


def test_the_same_upload_has_the_same_id_and_another_one_another() -> None:
    ids = [
        pack(one, at, SUBJECT, 1 << 20)[0].headers[Header.ID]
        for one, at in ((upload(0), LATER), (upload(0), LATER + timedelta(1)), (upload(1), LATER))
    ]
    assert ids[0] == ids[1] != ids[2]


@given(most=st.integers(1, 3000), size=st.integers(1, 60))
def test_pieces_are_small_enough_and_say_together_what_the_whole_said(most: int, size: int) -> None:
    whole = upload(0, size)
    parcels = pack(whole, LATER, SUBJECT, most)
    told = [understand(parcel.headers, parcel.body) for parcel in parcels]
    assert sum((one.batch.readings for one in told), ()) == whole.readings
    assert all(
        len(parcel.body) <= most or one.batch.readings[1:] == ()
        for parcel, one in zip(parcels, told, strict=True)
    )
    assert len({parcel.headers[Header.ID] for parcel in parcels}) == len(parcels)
    assert {parcel.headers[Header.BATCH] for parcel in parcels} == {parcels[0].headers[Header.BATCH]}


@given(serial=st.from_regex(r"\A[A-Za-z0-9._-]{1,64}\Z"))
def test_a_serial_number_is_one_part_of_a_subject(serial: str) -> None:
    token = readings_subject("mbus", "default", serial).split(".")
    assert len(token) == 4
    assert not set(token[3]) & set(" *>\t")
    assert dead_subject("mbus", "default", serial).split(".")[3] == token[3]


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ({Header.VERSION: "2"}, None, "version"),
        ({Header.ENCODING: "br"}, None, "gzip"),
        ({Header.RECEIVED: "yesterday"}, None, "header"),
        ({Header.CERTIFICATE: "x"}, None, "header"),
        ({Header.SERIAL: "M2"}, None, "different masters"),
        ({}, b"", "gzip"),
        ({}, gzip.compress(b"{}"), "serial_number"),
        ({}, gzip.compress(bytes(MAX_UNPACKED + 1)), "too large"),
    ],
    ids=["version", "encoding", "received", "certificate", "serial", "no gzip", "no batch", "bomb"],
)
def test_what_is_no_message_of_readings_is_refused(
    headers: dict[str, str], body: bytes | None, why: str
) -> None:
    (parcel,) = pack(upload(0), LATER, SUBJECT, 1 << 20)
    with pytest.raises(FormatError, match=why):
        understand({**parcel.headers, **headers}, parcel.body if body is None else body)


@given(
    headers=st.dictionaries(st.sampled_from([*Header]), st.text(max_size=40)), body=st.binary(max_size=200)
)
def test_whatever_comes_is_understood_or_refused(headers: dict[str, str], body: bytes) -> None:
    with suppress(FormatError):
        understand({**headers, Header.VERSION: "1", Header.ENCODING: "gzip"}, gzip.compress(body))


def test_a_dead_letter_has_its_message_and_a_reason_of_one_line() -> None:
    (parcel,) = pack(upload(0), LATER, SUBJECT, 1 << 20)
    letter = dead_letter(
        parcel.headers, parcel.body, "mbus.default.dead.M1", "no\r\nNats-Msg-Id: ü" + "x" * 999
    )
    assert letter.body == parcel.body
    assert letter.headers[Header.REASON].startswith("no??Nats-Msg-Id: ?x")
    assert len(letter.headers[Header.REASON]) == 300
    assert letter.headers[Header.ID] != parcel.headers[Header.ID]
    assert json.dumps(letter.headers)


def test_servers_of_one_address_have_its_protocol_and_the_usual_port() -> None:
    settings = StreamSettings(servers=servers_of("tls://a,b:1,nats://[::1]:2"))
    assert settings.servers == ("tls://a:4222", "tls://b:1", "nats://[::1]:2")
    assert settings.is_secure


@pytest.mark.parametrize(
    "text", ["", "http://a", "nats://", "nats://user:secret@a", "nats://a/b", "a b", "a:x"]
)
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="server"):
        StreamSettings(servers=(text,))
