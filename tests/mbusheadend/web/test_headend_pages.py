from pathlib import Path

import pytest

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.web import api, pages
from mbusheadend.web.audit_texts import kind_texts
from mbusheadend.web.found import modules_of
from mbusweb.door import OPEN
from mbusweb.locale.extract import missing
from mbusweb.pages import door_of
from support.headend_web import DOCUMENT, headend_web

OPEN_TO_ALL = {"mbusheadend.web.pages.first_user", "mbusheadend.web.pages.metrics"}


@pytest.mark.parametrize("language", ["cs", "da", "de", "en", "es"])
def test_no_text_is_without_translation(language: str) -> None:
    assert missing("mbusheadend", language) == []


def test_every_kind_of_audit_entry_has_a_text_of_its_own() -> None:
    kinds = {getattr(AuditKind, name) for name in dir(AuditKind) if name.isupper()}
    assert set(kind_texts()) == kinds
    assert len(set(kind_texts().values())) == len(kinds)


def test_pages_and_api_ask_for_a_role_or_are_known_to_be_open() -> None:
    for module in (*modules_of(pages), *modules_of(api)):
        assert module.__name__ in OPEN_TO_ALL or door_of(module) != OPEN, module.__name__


async def test_the_api_describes_itself_with_the_cookie_of_this_product(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        document = (await client.get(DOCUMENT)).json()
        assert document["components"]["securitySchemes"]["session"]["name"] == "mbusheadend_session"
        tags = {tag["name"] for tag in document["tags"]}
        used = {
            tag
            for path in document["paths"].values()
            for operation in path.values()
            for tag in operation["tags"]
        }
        assert used <= tags
