import csv
from pathlib import Path

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.web.audit_texts import kind_texts
from support.web import web_client


def test_every_kind_has_a_text() -> None:
    kinds = {kind for name in dir(AuditKind) if name.isupper() and (kind := getattr(AuditKind, name))}
    assert set(kind_texts()) == kinds - {AuditKind.ROLE_CHANGED}, "the master has no roles"
    assert len(set(kind_texts().values())) == len(kind_texts())


async def test_the_newest_entries_come_first_a_page_at_a_time(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        for number in range(60):
            client.services.audit.record(
                AuditKind.BUS_WRITE, who="tcp", source="192.0.2.1", detail=f"no. {number}."
            )
        await client.log_in()
        text = (await client.show("/audit")).text
        assert text.index("Login") < text.index("no. 59.") < text.index("no. 58.")
        assert "no. 5." not in text
        older = text.split("/audit?before=")[1].split('"')[0]
        text = (await client.show(f"/audit?before={older}")).text
        assert "no. 5." in text
        assert "no. 59." not in text


async def test_entries_are_filtered_by_kind_and_by_who(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        client.services.audit.record(AuditKind.BUS_WRITE, who="tcp", source="192.0.2.1", detail="of tcp")
        client.services.audit.record(AuditKind.BUS_WRITE, who="tls", source="192.0.2.1", detail="of tls")
        await client.log_in()
        text = (await client.show("/audit?kind=bus+write&who=tls")).text
        assert "of tls" in text
        assert "of tcp" not in text
        assert 'value="bus write" selected' in text
        assert 'href="/audit/download?kind=bus+write&amp;who=tls"' in text
        assert "There are no such entries." in (await client.show("/audit?who=nobody")).text


async def test_odd_questions_are_answered(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        for query in ("kind=none", "before=x", "before=-1", "before=" + "9" * 50, "before=²"):
            assert (await client.show(f"/audit?{query}")).status_code == 200


async def test_the_log_is_downloaded_as_csv_and_that_is_an_entry(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        client.services.audit.record(AuditKind.BUS_WRITE, who="=1+1", source="192.0.2.1", detail="of tcp")
        await client.log_in()
        answer = await client.get("/audit/download?kind=bus+write")
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"].startswith('attachment; filename="audit-SN12345-')
        rows = list(csv.DictReader(answer.text.lstrip("\ufeff").splitlines()))
        assert [(row["kind"], row["detail"]) for row in rows] == [("bus write", "of tcp")]
        assert not rows[0]["who"].startswith("=")
        entry = client.services.audit.entries(kind="download")[0]
        assert (entry.who, entry.source) == ("anna", "192.0.2.7")
