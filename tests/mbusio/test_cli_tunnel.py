import pytest

from mbusio.cli import main


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["tunnel", "/dev/ttyUSB0"], "needs no tunnel"),
        (["tunnel", "tcp://gateway"], "needs no tunnel"),
        (["tunnel", "hosted://head-end/M1", "--listen", "0.0.0.0:10001"], "127.0.0.1"),
        (["tunnel", "hosted://head-end/M1", "--listen", "127.0.0.1:x"], "127.0.0.1"),
        (["tunnel", "hosted://head-end/M1", "--listen", "[::1]:70000"], "0 to 65535"),
        (["tunnel", "hosted://head-end/M1?token=abc"], "token-file=FILE"),
    ],
)
def test_what_opens_no_port_says_why(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert why in capsys.readouterr().err


def test_what_is_wrong_with_the_way_there_shows_before_anybody_connects(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MBUS_HOSTED_TOKEN", "abc")
    assert main(["tunnel", "hosted://127.0.0.1:1/M1?tls=off", "--listen", "127.0.0.1:0"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("mbus: hosted://127.0.0.1:1/M1: nobody listens there")
    assert "abc" not in said
