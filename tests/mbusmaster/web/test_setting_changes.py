import pytest

from mbusmaster.settings import Change, Settings, SettingsError
from mbusmaster.web.filled_form import filled_form
from mbusmaster.web.setting_changes import audit_details, shown_changes, tried


def test_changes_are_tried_without_being_made() -> None:
    settings = Settings()
    then = tried(settings, {"buses.0.timeout": "3", "channels.plain_tcp.enabled": "true"})
    assert then.buses[0].timeout == 3
    assert then.channels.plain_tcp.enabled
    assert settings == Settings()


def test_all_problems_of_a_trial_are_told_together() -> None:
    with pytest.raises(SettingsError) as caught:
        tried(Settings(), {"buses.0.timeout": "9", "nonsense": "1", "buses.5.timeout": "1"})
    assert set(caught.value.fields) == {"buses.0.timeout", "nonsense", "buses.5.timeout"}


def test_values_are_shown_in_words() -> None:
    changes = (
        Change("channels.discovery", True, False, True),
        Change("ethernet.dns1", None, "192.0.2.1", True),
        Change("web.host_names", (), ("a", "b"), True),
    )
    shown = shown_changes(changes)
    assert [(one.old, one.new) for one in shown] == [("On", "Off"), ("empty", "192.0.2.1"), ("empty", "a, b")]


def test_many_changes_fill_as_few_audit_entries_as_hold_them_whole() -> None:
    changes = tuple(Change(f"buses.{number}.url", "x" * 90, "y" * 300, True) for number in range(10))
    details = list(audit_details(changes))
    assert len(details) == 5
    assert all(len(detail) <= 500 for detail in details)
    assert "; ".join(details).count(" → ") == 10


def test_a_problem_of_a_setting_on_another_page_is_told_above_the_form() -> None:
    form = filled_form(
        Settings(), "hosting", problems={"web.port": "is used already", "": "The disk is full."}
    )
    assert form.elsewhere == ("Web pages › Port number: is used already", "The disk is full.")
    assert not form.fields["hosting.enabled"].problem


def test_the_password_of_a_proxy_is_not_in_the_audit_log() -> None:
    change = Change("hosting.proxy", None, "http://reader:secret@proxy.example:3128", False)
    (detail,) = audit_details([change])
    assert "secret" not in detail
    assert "proxy.example:3128" in detail
