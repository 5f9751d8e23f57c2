from pathlib import Path

import pytest

from mbusio.errors import TransportOpenError, TransportURLError
from mbusio.transport import Endpoint, open_transport, parse_url


@pytest.mark.parametrize(
    ("text", "kind", "target", "port"),
    [
        ("/dev/ttyUSB0", "serial", "/dev/ttyUSB0", 0),
        ("./bus", "serial", "./bus", 0),
        ("COM3", "serial", "COM3", 0),
        ("com12", "serial", "com12", 0),
        ("serial:///dev/ttyUSB0", "serial", "/dev/ttyUSB0", 0),
        ("serial://COM3", "serial", "COM3", 0),
        ("serial:///dev/serial/by-id/usb-FTDI%20X", "serial", "/dev/serial/by-id/usb-FTDI X", 0),
        ("tcp://192.0.2.7:2445", "tcp", "192.0.2.7", 2445),
        ("tcp://gateway", "tcp", "gateway", 2445),
        ("tcp://[2001:db8::1]:10001/", "tcp", "2001:db8::1", 10001),
        ("tls://gateway", "tls", "gateway", 1445),
        ("rfc2217://gateway:4001", "rfc2217", "gateway", 4001),
        ("hosted://head-end/MBM1", "hosted", "head-end", 8444),
        ("hosted://[2001:db8::1]:443/MBM1/cellar", "hosted", "2001:db8::1", 443),
    ],
)
def test_a_url_names_a_kind_a_target_and_a_port(text: str, kind: str, target: str, port: int) -> None:
    endpoint = parse_url(text)
    assert (endpoint.kind, endpoint.target, endpoint.port) == (kind, target, port)


def test_host_and_port_alone_are_tcp() -> None:
    endpoint = parse_url("gateway:2445?allowance=2")
    assert (endpoint.kind, endpoint.target, endpoint.port, endpoint.allowance) == (
        "tcp",
        "gateway",
        2445,
        2.0,
    )


def test_the_standard_s_wire_is_the_default() -> None:
    endpoint = parse_url("/dev/ttyUSB0")
    assert (endpoint.baud, endpoint.parity, endpoint.allowance, endpoint.dtr) == (2400, "E", None, None)


def test_settings_of_a_serial_port_follow_the_question_mark() -> None:
    text = "serial:///dev/ttyUSB0?baud=9600&parity=n&dtr=off&rts=on&allowance=0.1&gap=0.2"
    assert parse_url(text) == Endpoint(
        text, "serial", "/dev/ttyUSB0", baud=9600, parity="N", allowance=0.1, gap=0.2, dtr=False, rts=True
    )


def test_a_bare_device_takes_settings_too() -> None:
    assert parse_url("/dev/ttyUSB0?baud=300").baud == 300


def test_files_of_certificates_are_settings_of_tls() -> None:
    endpoint = parse_url("tls://h?ca=a.pem&cert=c.pem&key=k.pem")
    assert (endpoint.ca, endpoint.cert, endpoint.key) == ("a.pem", "c.pem", "k.pem")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no bus"),
        ("ttyUSB0", "names no bus"),
        ("gateway:", "names no bus"),
        ("http://gateway", "http:// is unknown"),
        ("tcp://", "tcp://host:2445"),
        ("tcp://gateway:99999", "out of range"),
        ("tcp://gateway:0", "1 to 65535"),
        ("tcp://gateway:x", "write one of"),
        ("tcp://gateway/path", "nothing behind the port"),
        ("tcp://[::1", "write one of"),
        ("serial://", "names no device"),
        ("tcp://gateway?parity=E", "parity= means nothing for tcp; known are allowance, baud, gap"),
        ("/dev/ttyUSB0?speed=9600", "speed= means nothing"),
        ("/dev/ttyUSB0?baud=1234", "baud is one of 300,"),
        ("/dev/ttyUSB0?baud=²400", "baud is one of"),
        ("/dev/ttyUSB0?parity=X", "parity is E"),
        ("/dev/ttyUSB0?dtr=maybe", "dtr is on or off"),
        ("tcp://gateway?allowance=nan", "in seconds"),
        ("tcp://gateway?allowance=-1", "in seconds"),
        ("tcp://gateway?gap=1e9", "in seconds"),
        ("tls://gateway?ca=", "names nothing"),
        ("tls://gateway?key=k.pem", "needs cert="),
        ("tls://gateway?bundle=b.p12&cert=c.pem", "leave cert= out"),
        ("tls://gateway?fingerprint=12AB", "SHA-256 of a certificate, 64 hex digits"),
    ],
)
def test_a_wrong_url_says_what_is_wrong_and_what_is_right(text: str, says: str) -> None:
    with pytest.raises(TransportURLError) as caught:
        parse_url(text)
    assert says in str(caught.value)


async def test_a_device_that_is_not_there_says_what_to_check() -> None:
    with pytest.raises(TransportOpenError, match="no such device; is the adapter plugged in"):
        await open_transport("/dev/ttyNOTHERE")


async def test_a_file_that_is_no_port_says_so() -> None:
    with pytest.raises(TransportOpenError, match="not a serial port"):
        await open_transport("/dev/null")


async def test_a_port_where_nobody_listens_says_so(unused_tcp_port: int) -> None:
    with pytest.raises(TransportOpenError, match="nobody listens there"):
        await open_transport(f"tcp://127.0.0.1:{unused_tcp_port}")


async def test_an_authority_that_cannot_be_read_is_named() -> None:
    with pytest.raises(TransportOpenError, match=r"ca=/nowhere\.pem: No such file"):
        await open_transport("tls://127.0.0.1:1?ca=/nowhere.pem")


def test_a_hosted_bus_has_a_master_perhaps_a_bus_and_what_is_written_down() -> None:
    endpoint = parse_url("hosted://head-end/MBM1/cellar?token-file=t&reason=a+look&minutes=5&tls=on")
    assert (endpoint.serial, endpoint.bus, endpoint.token_file) == ("MBM1", "cellar", "t")
    assert (endpoint.reason, endpoint.minutes, endpoint.tls) == ("a look", 5, True)
    assert parse_url("hosted://head-end/MBM1/").bus == ""


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("hosted://head-end", "serial number"),
        ("hosted://head-end/a/b/c", "serial number"),
        ("hosted://head-end/M1?minutes=0", "1 to 1440"),
        ("hosted://head-end/M1?tls=off", "this machine only"),
        ("hosted://head-end:0/M1", "port 0"),
        ("hosted://head-end/M1?bundle=x", "means nothing"),
        ("hosted://head-end/M1?reason=%0A", "printable"),
    ],
)
def test_a_hosted_url_that_is_wrong_says_why(url: str, why: str) -> None:
    with pytest.raises(TransportURLError, match=why):
        parse_url(url)


@pytest.mark.parametrize("url", ["hosted://head-end/M1?token=secret", "hosted://me:secret@head-end/M1"])
def test_a_token_in_a_url_is_refused_and_not_shown_again(url: str) -> None:
    with pytest.raises(TransportURLError, match="token-file=FILE") as error:
        parse_url(url)
    assert "secret" not in str(error.value)


async def test_a_hosted_bus_needs_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MBUS_HOSTED_TOKEN", raising=False)
    with pytest.raises(TransportOpenError, match="MBUS_HOSTED_TOKEN"):
        await open_transport("hosted://head-end/M1")
    with pytest.raises(TransportOpenError, match="No such file"):
        await open_transport(f"hosted://head-end/M1?token-file={tmp_path}/none")
    monkeypatch.setenv("MBUS_HOSTED_TOKEN", "two words")
    with pytest.raises(TransportOpenError, match="copy it again"):
        await open_transport("hosted://head-end/M1")
