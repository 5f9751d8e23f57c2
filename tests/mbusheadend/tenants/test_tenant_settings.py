"""What of the settings is a tenant's own, and what its certificates and API tokens say."""

from pathlib import Path

import pytest

from mbusheadend.settings import Settings
from mbusheadend.stream.format import readings_subject
from mbusheadend.tenants.registry import settings_of
from mbusheadend.tenants.tenant import MAIN_ID, THE_ONLY_ONE, Tenant, tenant_of
from mbusheadend.users import rules_of, tenant_of_token

ALL = Settings.model_validate(
    {
        "state_folder": Path("/state"),
        "store": "postgresql://mbus@db/mbus",
        "stream": {"servers": ["nats://a:4222"]},
        "archive": {"place": "/archive"},
    }
)
OTHER = Tenant(id=7, name="works")


def test_nothing_changes_for_who_is_alone() -> None:
    assert settings_of(ALL, THE_ONLY_ONE) is ALL
    assert rules_of(THE_ONLY_ONE).token_prefix == "mbh_"
    assert THE_ONLY_ONE.organization == ""


def test_each_tenant_has_its_own_folder_rows_subjects_and_archive() -> None:
    own = settings_of(ALL, OTHER)
    assert own.state_folder == Path("/state/tenants/7")
    assert own.keys_folder == Path("/state")
    assert own.store is not None
    assert own.store.tenant == 7
    assert own.stream is not None
    assert ALL.stream is not None
    subjects = {readings_subject("mbus", one.tenant, "M1") for one in (own.stream, ALL.stream)}
    assert len(subjects) == 2
    assert own.archive.tenant != ALL.archive.tenant


@pytest.mark.parametrize(
    ("organizations", "tenant"),
    [
        ([], MAIN_ID),
        (["tenant 7"], 7),
        (["tenant 7", "tenant 8"], None),
        (["Works Ltd"], None),
        (["tenant "], None),
        (["tenant -7"], None),
        (["Tenant 7"], None),
    ],
)
def test_a_certificate_names_one_tenant_or_is_none_of_ours(
    organizations: list[str], tenant: int | None
) -> None:
    assert tenant_of(organizations) == tenant


@pytest.mark.parametrize(
    ("token", "tenant"),
    [("mbh_x", MAIN_ID), ("mbh7_x", 7), ("mbh07_x", MAIN_ID), ("", MAIN_ID), ("x7_", MAIN_ID)],
)
def test_an_api_token_names_its_tenant(token: str, tenant: int) -> None:
    assert tenant_of_token(token) == tenant
