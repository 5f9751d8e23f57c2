"""A content under a passphrase."""

import pytest

from mbusio.sealing import Cost, Fields, SealError, SealFault, is_sealed, seal, unseal

WORD = "a long passphrase"
QUICK = Cost(1 << 14, 8, 1)
HEADER: Fields = {"kind": "test", "format": 1}


def test_what_was_sealed_opens_with_its_passphrase_only_and_unaltered_only() -> None:
    fields = seal(HEADER, b"content", WORD, QUICK)
    assert is_sealed(fields)
    assert not is_sealed(HEADER)
    assert unseal(fields, WORD) == b"content"
    for other, word in ((fields, "another passphrase"), ({**fields, "format": 2}, WORD)):
        with pytest.raises(SealError) as refusal:
            unseal(other, word)
        assert refusal.value.fault is SealFault.WRONG_PASSPHRASE


@pytest.mark.parametrize("word", ["short", "x" * 1025])
def test_a_passphrase_has_a_length(word: str) -> None:
    with pytest.raises(SealError, match="12 to 1024 characters"):
        seal(HEADER, b"", word, QUICK)


def test_damage_and_what_costs_too_much_is_refused() -> None:
    fields = seal(HEADER, b"content", WORD, QUICK)
    encryption = fields["encryption"]
    for damaged, fault in (
        ({**fields, "encryption": None}, SealFault.DAMAGED),
        ({**fields, "sealed": "?"}, SealFault.DAMAGED),
        ({"encryption": encryption}, SealFault.DAMAGED),
        ({**fields, "encryption": {**encryption, "n": 1 << 20}}, SealFault.TOO_COSTLY),
        ({**fields, "encryption": {**encryption, "n": 3}}, SealFault.DAMAGED),
        ({**fields, "encryption": {**encryption, "nonce": "AAAA"}}, SealFault.DAMAGED),
    ):
        with pytest.raises(SealError) as refusal:
            unseal(damaged, WORD)
        assert refusal.value.fault is fault
