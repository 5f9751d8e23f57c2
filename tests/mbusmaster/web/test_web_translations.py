from pathlib import Path

import pytest

from mbusweb.locale.extract import missing, template_catalogue
from support.web import web_client

COMPLETE = ("cs", "da", "de", "en", "es")
"""Languages that are translated; a text without translation in one of them fails."""


@pytest.mark.parametrize("language", COMPLETE)
@pytest.mark.parametrize("package", ["mbusweb", "mbusmaster"])
def test_no_text_is_without_translation(package: str, language: str) -> None:
    assert missing(package, language) == []


def test_texts_come_from_templates_modules_settings_and_system() -> None:
    texts = {message.id for message in template_catalogue("mbusmaster") if isinstance(message.id, str)}
    assert {"Hosting", "Timeout [seconds]", "must be on or off"} <= texts
    assert any(text.startswith("This release asks no time server") for text in texts)


def test_a_text_of_the_shared_pages_is_in_their_catalogue_alone() -> None:
    shared, own = (
        {message.id for message in template_catalogue(package) if message.id}
        for package in ("mbusweb", "mbusmaster")
    )
    assert shared & own == set()


async def test_the_page_says_in_which_language_it_is(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await client.get("/status", headers={"accept-language": "de-AT,de;q=0.9"})
        assert '<html lang="de">' in answer.text
        assert answer.headers["vary"] == "Cookie, Accept-Language"
