from mbusmaster.bus.line.reading import LineReading
from mbusmaster.web.line_view import line_facts, line_note

QUIET = LineReading(31.5, 8.4, 25.44, False, "idle", 30.0, 20.0)


def shown(line: LineReading) -> dict[str, str]:
    return {name: value for name, _, value in line_facts(line)}


def test_all_that_is_measured_is_shown() -> None:
    assert shown(QUIET) == {
        "condition": "Idle",
        "current": "31.5 mA",
        "idle": "30 mA",
        "unit_loads": "20",
        "load": "8 percent of the normal maximum",
        "temperature": "25.4 °C",
        "trips": "never",
    }
    assert line_note(QUIET) == "31.5 mA, 20 unit loads, 25.4 °C"


def test_a_bus_that_is_shut_down_says_why_and_when_it_is_tried_again() -> None:
    shut = LineReading(None, None, None, True, "short circuit", trips=2, back_in=4.6)
    assert shown(shut) == {
        "condition": "short circuit; tried again in 5 s",
        "trips": "2 times since the start",
    }
    assert line_note(shut) == ""
