"""Passwords: long ones, not the name, none of those that are tried first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusweb.access.errors import Problem, UserError
from mbusweb.access.passwords import LONGEST_BYTES, check_password, could_be_password, points


def refusal_of(name: str, password: str) -> UserError | None:
    try:
        check_password(name, password)
    except UserError as error:
        return error
    return None


def problem_of(name: str, password: str) -> Problem | None:
    refusal = refusal_of(name, password)
    assert refusal is None or refusal.field == "password"
    return refusal.kind if refusal is not None else None


@pytest.mark.parametrize(
    "password",
    [
        "tractor-lamp-91",
        "mein Hund frisst gern Gras",
        "Vodoměr ve sklepě 7",
        "G7#kd02!xPq9",
        "måleren i kælderen",
        "水道メーターの点検は毎月です",
        "x9" + "kd73nfu20qpal" * 3,
        "🔥💧⚡🌍🎵🚲🧀🐟🌲🎈🧩🔑",
    ],
)
def test_long_and_unusual_ones_are_good(password: str) -> None:
    assert problem_of("jana", password) is None


@pytest.mark.parametrize(
    "password",
    [
        "Kamstrup1Kamstrup1",
        "Kamstrup1234",
        "K4m5trup1!!!",
        "kamstrup2026",
        "1purtsmak1purtsmaK"[::-1],
        "Password1234",
        "P@ssw0rd1234",
        "passwordpassword",
        "Passwort2024!",
        "Heslo12345678",
        "contraseña123",
        "Adgangskode12",
        "123456789012",
        "987654321098",
        "111222333444",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "ababababababab",
        "qwertyuiop12",
        "qwertzuiop12",
        "azertyuiop12",
        "asdfghjkl123!",
        "poiuytrewq12",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "qazwsxedcrfv",
        "a1b2c3d4e5f6",
        "Sommer2024!!!",
        "iloveyou2024",
        "letmein12345",
        "adminadmin12",
        "mbusmaster123",
        "correcthorsebatterystaple",
        "            ",
        "!@#$%^&*()_+",
    ],
)
def test_those_that_are_tried_first_are_not(password: str) -> None:
    assert problem_of("jana", password) is Problem.PASSWORD_KNOWN


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("jana.novakova", "jana.novakova"),
        ("jana.novakova", "JANA.novakova"),
        ("Jana.Novakova", "jana.novakova123"),
        ("jana.novakova", "avokavon.anaj42"),
        ("technik7", "technik7technik7"),
        ("technik7", "xtechnik7y7kinhcetz"),
    ],
)
def test_the_name_with_a_little_beside_it_is_not(name: str, password: str) -> None:
    assert problem_of(name, password) is Problem.PASSWORD_NAME


def test_a_name_inside_a_long_password_is_no_harm() -> None:
    assert problem_of("jana", "jana-tractor-lamp-91") is None
    assert problem_of("a", "tractor-lamp-91") is None


def test_the_length_is_counted_in_characters_from_12_to_128() -> None:
    assert problem_of("jana", "tractor-lam") is Problem.PASSWORD_SHORT
    assert problem_of("jana", "tractor-lamp") is None
    assert problem_of("jana", "e\u0301" * 6 + "xyzvw") is Problem.PASSWORD_SHORT
    assert problem_of("jana", ("tractor-lamp-91 %d" * 20)[:128]) is None
    assert problem_of("jana", ("tractor-lamp-91 %d" * 20)[:129]) is Problem.PASSWORD_LONG


@pytest.mark.parametrize("password", ["tractor-lamp\x00", "tractor\nlamp-91", "tractor-lamp-\ud800"])
def test_control_characters_are_refused(password: str) -> None:
    assert problem_of("jana", password) is Problem.PASSWORD_CHARACTERS


def test_a_random_password_of_letters_and_digits_is_good() -> None:
    assert points("f8Kq2mZx7Lw4") >= 10


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_taken_or_refused_with_a_kind_and_never_quoted(name: str, password: str) -> None:
    refusal = refusal_of(name, password)
    if refusal is not None:
        assert refusal.field == "password"
        assert len(password) < 4 or password not in str(refusal)
    else:
        good = check_password(name, password)
        assert could_be_password(good)
        assert len(good.encode()) <= LONGEST_BYTES
