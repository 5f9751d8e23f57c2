import pytest
from pydantic import BaseModel, ValidationError

from mbusmaster.settings import BusSettings, LineSettings, PlainTcpSettings, Settings
from mbusmaster.settings.problems import problems_of


def test_defaults_are_those_of_the_guide() -> None:
    bus = Settings().buses[0]
    assert (bus.min_baud, bus.default_baud, bus.max_baud) == (300, 2400, 19200)
    assert (bus.timeout, bus.retries, bus.allow_writes) == (2, 3, False)
    plain_tcp = Settings().channels.plain_tcp
    assert (plain_tcp.enabled, plain_tcp.port) == (False, 2445)


@pytest.mark.parametrize(
    "change",
    [
        {"default_baud": 1200},
        {"min_baud": 9600, "default_baud": 2400},
        {"default_baud": 19200, "max_baud": 9600},
        {"timeout": 4},
        {"timeout": 0},
        {"retries": 0},
        {"retries": 4},
        {"name": "Up stairs"},
        {"surprise": 1},
    ],
)
def test_a_bus_outside_its_limits_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BusSettings.model_validate(change)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("/dev/ttyUSB0?baud=9600", "baud="),
        ("serial:///dev/ttyUSB0?rts=off&parity=N", "parity="),
        ("tcp://10.0.0.5:10001?baud=300", "baud="),
    ],
)
def test_rate_and_parity_have_one_place(url: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        BusSettings(url=url)
    assert BusSettings(url=url.partition("?")[0] + "?allowance=1")


def test_two_buses_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="another bus named main"):
        Settings(buses=(BusSettings(), BusSettings(url="/dev/ttyUSB1")))


def test_a_channel_to_an_unknown_bus_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"channels": {"plain_tcp": {"bus": "attic"}}})
    assert [(one.path, one.text) for one in problems_of(caught.value)] == [
        ("channels.plain_tcp.bus", "there is no bus attic; there is main")
    ]


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        Settings().buses[0].timeout = 3


@pytest.mark.parametrize("model", [BusSettings, LineSettings, PlainTcpSettings])
def test_every_setting_has_a_title_a_description_and_says_whether_it_needs_a_restart(
    model: type[BaseModel],
) -> None:
    for name, field in model.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), name
        assert "needs_restart" in field.json_schema_extra, name
