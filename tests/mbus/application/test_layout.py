from mbus.application.layout import KEPT_BLOCKS, column_of, dib_of
from support.telegrams import record_of, telegram_of


def test_what_is_kept_of_blocks_is_bounded_whatever_comes() -> None:
    for low in range(0x80):
        for high in range(0x40):
            telegram_of(f"84 {low | 0x80:02X} {high:02X} 86 {low | 0x80:02X} {high:02X} 01000000")
    for cache in (dib_of, column_of):
        assert cache.cache_info().maxsize == KEPT_BLOCKS
        assert cache.cache_info().currsize <= KEPT_BLOCKS


def test_a_block_met_before_means_the_same_as_a_new_one() -> None:
    record = "94 10 86 76 EA000000"
    dib_of.cache_clear()
    column_of.cache_clear()
    assert record_of(record) == record_of(record)


def test_a_block_of_a_command_is_not_mistaken_for_that_of_a_response() -> None:
    record = "04 86 02 01000000"
    assert telegram_of(record).records[0].status == "storage number not implemented"
    assert telegram_of(record, control=0x73).records[0].modifiers == ("subtract",)
    assert telegram_of(record).records[0].value is None
