"""Names of users: letters of any language, one spelling each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusweb.access.errors import Problem, UserError
from mbusweb.access.names import key_of, normal_name


@pytest.mark.parametrize(
    "name", ["a", "Žofie", "jana.novak_2-b", "Æblegrød", "Ñandú", "水道", "हिन्दी", "7", "x" * 32]
)
def test_letters_of_any_language_and_digits_make_a_name(name: str) -> None:
    assert normal_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 33, "\ufdfa" * 3, "x" * 1_000_000])
def test_a_name_has_1_to_32_characters(name: str) -> None:
    with pytest.raises(UserError) as refused:
        normal_name(name)
    assert refused.value.kind is Problem.NAME_LENGTH


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        " a",
        "-a",
        ".a",
        "_a",
        "=1+1",
        "a\n",
        "a\x00",
        "a\u202eb",
        "a\u200bb",
        "a@b",
        "a/b",
        "<b>",
        "\u0301a",
        "\ud800",
    ],
)
def test_nothing_else_is_in_a_name(name: str) -> None:
    with pytest.raises(UserError) as refused:
        normal_name(name)
    assert refused.value.kind is Problem.NAME_CHARACTERS


@pytest.mark.parametrize("name", ["user", "USER", "User", "\uff55ser", "u\u017fer"])
def test_the_name_of_the_default_user_stays_with_it(name: str) -> None:
    with pytest.raises(UserError) as refused:
        normal_name(name, "user")
    assert refused.value.kind is Problem.NAME_RESERVED


@pytest.mark.parametrize(
    ("one", "other"), [("JANA", "jana"), ("Straße", "STRASSE"), ("\ufb01n", "FIN"), ("Z\u030c", "ž")]
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@given(st.text())
def test_any_text_is_a_name_or_refused_and_has_a_bounded_key(text: str) -> None:
    assert len(key_of(text)) <= 128
    try:
        name = normal_name(text)
    except UserError:
        return
    assert normal_name(name) == name
    assert key_of(name) == key_of(text)
