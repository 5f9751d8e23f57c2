import re

import pytest
from pydantic import ValidationError

from mbusmaster.settings import BusSettings, Settings, Template
from mbusmaster.settings.backup import BackupTemplate
from mbusmaster.settings.forms import FormField, fields
from mbusmaster.settings.messages import shown
from mbusmaster.settings.schema import PanelSettings
from mbusmaster.settings.service import values
from mbusmaster.settings.texts import texts
from mbusmaster.settings.tree import root, spot

ALL = fields(*(name for name in Settings.model_fields if name not in ("version", "buses")), "buses.0")


def test_a_field_knows_what_the_schema_knows() -> None:
    assert fields("buses.3.timeout") == (
        FormField(
            path="buses.3.timeout",
            kind="int",
            title="Timeout [seconds]",
            description="How long a hosted reading or a scan waits for a meter that does not answer.",
            default=2,
            choices=(),
            minimum=1,
            maximum=3,
            pattern="",
            must_be="",
            optional=False,
            needs_restart=True,
        ),
    )


@pytest.mark.parametrize(
    ("path", "kind", "least", "most", "optional"),
    [
        ("channels.discovery", "bool", None, None, False),
        ("buses.0.hold", "float", 0.05, 5, False),
        ("buses.0.parity", "choice", None, None, False),
        ("buses.0.url", "text", 1, 512, False),
        ("device.name", "text", None, 64, True),
        ("state_folder", "text", None, None, False),
        ("web.setup_address", "address", None, None, False),
        ("ethernet.gateway", "address", None, None, True),
        ("channels.plain_tcp.bind", "list", 1, 16, True),
        ("channels.plain_tcp.interfaces", "list", None, 16, True),
        ("panel.led_names.mbus_red", "text", None, None, True),
    ],
)
def test_each_kind_of_setting_has_its_kind_of_field(
    path: str, kind: str, least: float | None, most: float | None, optional: bool
) -> None:
    (field,) = fields(path)
    assert (field.kind, field.minimum, field.maximum, field.optional) == (kind, least, most, optional)


def test_a_section_stands_for_everything_in_it() -> None:
    assert [field.path for field in fields("hosting", "time")] == [
        "hosting.enabled",
        "hosting.proxy",
        "hosting.history_days",
        "hosting.history_size",
        "hosting.allow_tunnel",
        "hosting.tunnel_minutes",
        "hosting.allow_updates",
        "hosting.allow_settings",
        "time.source",
        "time.server",
        "time.standard_server",
    ]
    assert len(fields("panel.led_names")) == 6


def test_every_setting_has_a_field_and_every_field_a_title_and_a_help() -> None:
    assert {field.path for field in ALL} == set(values(Settings()))
    assert all(field.title for field in ALL)
    assert all(field.description for field in ALL if not field.path.startswith("panel.led_names."))


@pytest.mark.parametrize(
    "path", ["", "version", "buses", "surprise", "buses.0.surprise", "hosting.enabled.x"]
)
def test_what_is_no_setting_has_no_field(path: str) -> None:
    with pytest.raises(KeyError):
        fields(path)


def test_every_pattern_says_what_it_asks_for_and_is_fit_for_html() -> None:
    patterns = {field.pattern: field.must_be for field in ALL if field.pattern}
    assert patterns
    for pattern, must_be in patterns.items():
        assert must_be in set(Template)
        # HTML reads patterns with the v flag: inside brackets a hyphen or slash that means itself must be escaped.
        for inside in re.findall(r"\[((?:\\.|[^\]\\])*)\]", pattern):
            bare = re.sub(r"\\.|[A-Za-z0-9]-[A-Za-z0-9]", "", inside)
            assert not set(bare) & set("-/([{})|"), pattern


def test_every_template_is_filled_by_its_values() -> None:
    for template in Template:
        names = re.findall(r"{(\w+)}", template)
        assert template.format(**dict.fromkeys(names, "x")).isprintable()


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000, "a\nb\0", 10**5000, [[[[[]]]]] * 1000, {"a": 1}, "\ud800", 1.5, None],
    ids=["long", "control", "huge", "deep", "table", "surrogate", "float", "none"],
)
def test_whatever_was_given_is_shown_short_and_printable(value: object) -> None:
    text = shown(value)
    assert len(text) <= 81
    assert text.isprintable()


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".", "x" * 200, "a\n"])
def test_a_lamp_cannot_name_a_file_elsewhere(name: str) -> None:
    with pytest.raises(ValidationError):
        PanelSettings.model_validate({"led_names": {"power_red": name}})


def test_checks_of_one_model_hold_without_the_others() -> None:
    with pytest.raises(ValidationError, match="must rise"):
        BusSettings(min_baud=9600)


def test_the_path_of_a_setting_is_unique() -> None:
    assert spot("buses.0.timeout") == spot("buses.0.timeout")
    assert spot("buses.00.timeout") is None
    assert root().path == ""


def test_the_texts_to_translate_are_all_that_forms_and_messages_can_show() -> None:
    known = texts()
    for field in ALL:
        assert {field.title, field.description, field.must_be} - {""} <= known
    assert {"Channels", "Unsecured TCP", "Buses", Template.RANGE, BackupTemplate.NEWER} <= known
    assert all(known)
