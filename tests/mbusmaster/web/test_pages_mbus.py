import re
from pathlib import Path

from mbusmaster.settings import BusSettings, Settings
from support.web import web_client

PATH = "/configuration/mbus"


def options(html: str, name: str) -> tuple[list[str], str]:
    """Give the options of a choice, and the chosen one."""
    found = re.findall(rf'<select[^>]* name="{re.escape(name)}".*?</select>', html, re.DOTALL)[0]
    chosen = re.findall(r'<option value="([^"]+)" selected', found)
    return re.findall(r'<option value="([^"]+)"', found), chosen[0]


async def test_options_and_defaults_are_the_guides(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        rates = ["300", "2400", "9600", "19200"]
        assert options(text, "buses.0.min_baud") == (rates, "300")
        assert options(text, "buses.0.default_baud") == (rates, "2400")
        assert options(text, "buses.0.max_baud") == (rates, "19200")
        assert options(text, "buses.0.timeout") == (["1", "2", "3"], "2")
        assert options(text, "buses.0.retries") == (["1", "2", "3"], "3")
        assert "only while the master is connected to the LAN" in text
        assert "uses the default baud rate alone" in text


async def test_rates_that_do_not_rise_are_refused_at_their_fields(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(
            PATH, {"buses.0.min_baud": "9600", "buses.0.default_baud": "2400", "buses.0.max_baud": "300"}
        )
        assert answer.status_code == 422
        for name in ("min_baud", "max_baud"):
            assert f'id="buses-0-{name}-problem" class="problem">the baud rates must rise' in answer.text
        assert options(answer.text, "buses.0.min_baud")[1] == "9600"
        assert client.services.settings.stored == Settings()


async def test_a_value_that_was_not_offered_is_refused(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(PATH, {"buses.0.timeout": "4", "buses.0.retries": "three"})
        assert answer.status_code == 422
        assert 'id="buses-0-timeout-problem" class="problem">must be 1 to 3' in answer.text
        assert 'id="buses-0-retries-problem" class="problem">must be a whole number' in answer.text


async def test_each_bus_has_a_form_of_its_own(tmp_path: Path) -> None:
    settings = Settings(buses=(BusSettings(), BusSettings(name="cellar")))
    async with web_client(tmp_path, settings=settings) as client:
        await client.log_in()
        assert "Bus cellar" in (await client.show(PATH)).text
        answer = await client.submit(PATH, {"buses.1.timeout": "3", "buses.0.timeout": "1"}, bus="1")
        assert "A restart is needed" in answer.text
        assert [bus.timeout for bus in client.services.settings.stored.buses] == [2, 3]


async def test_a_bus_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        for bus in ("1", "-1", "²", "x", "9" * 30):
            assert (await client.submit(PATH, bus=bus)).status_code == 404
