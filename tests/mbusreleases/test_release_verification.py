"""A release is taken when it is what was signed, newer, and for this machine; else it is said why not."""

import functools
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tuf.ngclient import Urllib3Fetcher

from mbusreleases import errors
from mbusreleases.description import Kind, Platform, this_platform
from mbusreleases.errors import ReleaseError
from mbusreleases.sources import Source, from_folder, from_folder_of_server, from_server
from mbusreleases.verify import Release, Repository, open_bundle, verify
from support.releases import NOW, ReleaseMaker


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "maker")


class Checker:
    """A machine that checks what it is given."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.store = folder / "store"
        self.root = root
        self.now = NOW
        self.platform = this_platform()
        self._folder = folder
        self._count = 0

    def check(
        self, path: Path, installed: int = 0, source: Callable[[Path], Source] = from_folder
    ) -> Release:
        opened = self.fresh()
        open_bundle(path, opened)
        return self.verify(source(opened), installed, path.name)

    def verify(self, source: Source, installed: int = 0, name: str | None = None) -> Release:
        return verify(
            source,
            self.store,
            root=self.root,
            now=self.now,
            platform=self.platform,
            installed=installed,
            into=self.fresh(),
            name=name,
        )

    def refusal(self, path: Path, installed: int = 0) -> str:
        with pytest.raises(ReleaseError) as refused:
            self.check(path, installed)
        assert "%(" not in str(refused.value)
        return refused.value.template

    def fresh(self) -> Path:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir(parents=True)
        return folder


@pytest.fixture
def checker(tmp_path: Path, maker: ReleaseMaker) -> Checker:
    return Checker(tmp_path / "checker", maker.root)


@pytest.fixture
def server(maker: ReleaseMaker) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(maker.server))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def test_a_good_release_is_taken(maker: ReleaseMaker, checker: Checker) -> None:
    release = checker.check(maker.good(42), installed=41)
    assert (release.number, release.version) == (42, "0.2.42")
    assert release.path.name == maker.description(42).target
    assert release.description == maker.description(42)


@pytest.mark.parametrize(
    ("kind", "template"),
    [
        ("altered_file", errors.ALTERED_FILE),
        ("altered_metadata", errors.ALTERED_METADATA),
        ("altered_timestamp", errors.ALTERED_METADATA),
        ("wrong_signature", errors.WRONG_SIGNATURE),
        ("wrong_root", errors.WRONG_ROOT),
        ("expired", errors.EXPIRED),
        ("wrong_name", errors.WRONG_NAME),
        ("wrong_platform", errors.WRONG_PLATFORM),
        ("cut_off", errors.CUT_OFF),
        ("not_a_tar", errors.NOT_A_TAR),
        ("dotdot", errors.BAD_PATH),
        ("absolute", errors.BAD_PATH),
        ("links", errors.NO_PLAIN_FILE),
        ("hard_link", errors.NO_PLAIN_FILE),
        ("device", errors.NO_PLAIN_FILE),
        ("sparse", errors.NO_PLAIN_FILE),
        ("huge_header", errors.NO_PLAIN_FILE),
        ("twice", errors.TWICE),
        ("bomb", errors.TOO_MANY_FILES),
        ("huge", errors.TOO_BIG),
    ],
)
def test_an_evil_or_clumsy_file_is_refused_for_its_own_reason(
    kind: str, template: str, maker: ReleaseMaker, checker: Checker
) -> None:
    maker.good(40)
    assert checker.refusal(getattr(maker, kind)()) == template


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, maker: ReleaseMaker) -> None:
    into = tmp_path / "outer" / "inner"
    into.mkdir(parents=True)
    with pytest.raises(ReleaseError):
        open_bundle(maker.dotdot(), into)
    assert list((tmp_path / "outer").iterdir()) == [into]
    assert not (tmp_path / "evil").exists()


def test_the_same_release_is_not_installed_again(maker: ReleaseMaker, checker: Checker) -> None:
    assert checker.refusal(maker.good(42), installed=42) == errors.SAME_RELEASE


def test_an_older_release_is_refused_though_its_signatures_are_good(
    maker: ReleaseMaker, checker: Checker
) -> None:
    assert checker.refusal(maker.good(42), installed=43) == errors.OLDER_RELEASE


def test_an_older_file_is_refused_even_where_nothing_newer_was_installed(
    maker: ReleaseMaker, checker: Checker
) -> None:
    older, newer = maker.older(41), maker.good(42)
    checker.check(newer)
    assert checker.refusal(older) == errors.OLDER_METADATA


def test_keys_may_be_replaced_when_the_old_ones_sign_it(maker: ReleaseMaker, checker: Checker) -> None:
    checker.check(maker.good(42))
    assert checker.check(maker.rotated(44), installed=42).number == 44


def test_a_key_that_was_replaced_counts_no_more_at_the_server_either(
    maker: ReleaseMaker, checker: Checker
) -> None:
    before = maker.good(42)
    checker.check(maker.rotated(44))
    opened = checker.fresh()
    open_bundle(before, opened)
    with pytest.raises(ReleaseError) as refused:
        checker.verify(from_folder_of_server(opened))
    assert refused.value.template == errors.WRONG_SIGNATURE


def test_expiry_is_judged_by_the_moment_that_is_handed_in(maker: ReleaseMaker, checker: Checker) -> None:
    path = maker.good(42)
    checker.now = NOW + timedelta(days=800)
    assert checker.refusal(path) == errors.EXPIRED
    checker.now = NOW + timedelta(days=700)
    assert checker.check(path).number == 42


def test_an_expired_root_says_so(maker: ReleaseMaker, checker: Checker) -> None:
    path = maker.good(42)
    checker.now = NOW + timedelta(days=4000)
    with pytest.raises(ReleaseError, match=r"root\.json"):
        checker.check(path)


def test_a_release_for_another_python_is_refused_with_both_names(
    maker: ReleaseMaker, checker: Checker
) -> None:
    checker.platform = Platform("3.99", checker.platform.architecture)
    with pytest.raises(ReleaseError, match=r"this system is Python 3\.99"):
        checker.check(maker.good(42))


def test_an_image_is_for_machines_that_take_images(maker: ReleaseMaker, checker: Checker) -> None:
    path = maker.image(42)
    assert checker.refusal(path) == errors.WRONG_PLATFORM
    checker.platform = Platform("3.99", checker.platform.architecture, Kind.RAUC)
    assert checker.check(path).path.read_bytes() == b"an image"


def test_a_name_that_is_none_of_a_release_file_is_refused(maker: ReleaseMaker, checker: Checker) -> None:
    path = maker.good(42)
    assert checker.refusal(path.rename(path.with_name("update.tar"))) == errors.WRONG_FILE_NAME


def test_a_system_without_keys_says_so(maker: ReleaseMaker, checker: Checker) -> None:
    path = maker.good(42)
    maker.root.write_bytes(b"{}")
    assert checker.refusal(path) == errors.DAMAGED_ROOT
    maker.root.unlink()
    assert checker.refusal(path) == errors.NO_ROOT


def test_a_file_that_lacks_its_target_is_incomplete(maker: ReleaseMaker, checker: Checker) -> None:
    opened = checker.fresh()
    open_bundle(maker.good(42), opened)
    shutil.rmtree(opened / "targets")
    with pytest.raises(ReleaseError) as refused:
        checker.verify(from_folder(opened))
    assert refused.value.template == errors.INCOMPLETE


def test_no_link_in_a_folder_is_followed(maker: ReleaseMaker, checker: Checker) -> None:
    opened = checker.fresh()
    open_bundle(maker.good(42), opened)
    elsewhere = opened.parent / "elsewhere"
    (opened / "metadata").rename(elsewhere)
    (opened / "metadata").symlink_to(elsewhere)
    with pytest.raises(ReleaseError) as refused:
        checker.verify(from_folder(opened))
    assert refused.value.template == errors.INCOMPLETE


def test_there_must_be_room_for_it(
    maker: ReleaseMaker, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = maker.good(42)
    monkeypatch.setattr("os.statvfs", lambda folder: type("Full", (), {"f_bavail": 100, "f_frsize": 4096}))
    assert checker.refusal(path) == errors.NO_SPACE


def test_a_server_is_checked_by_the_same_code(server: str, maker: ReleaseMaker, checker: Checker) -> None:
    maker.good(42)
    assert checker.verify(from_server(server, Urllib3Fetcher())).number == 42


def test_what_a_server_gave_is_put_together_as_a_release_file(
    server: str, maker: ReleaseMaker, checker: Checker, tmp_path: Path
) -> None:
    maker.rotated(42)
    repository = Repository(from_server(server, Urllib3Fetcher()), checker.store, maker.root, NOW)
    release = repository.fetch(repository.newest(checker.platform), checker.fresh())
    path = repository.bundle(release, checker.fresh())
    other = Checker(tmp_path / "other", maker.root)
    assert other.check(path, source=from_folder_of_server).number == 42


def test_a_file_is_taken_though_the_server_signed_its_timestamp_many_times_since(
    server: str, maker: ReleaseMaker, checker: Checker
) -> None:
    path = maker.good(42)
    for _ in range(20):
        maker.repository.refresh(maker.online)
    assert checker.verify(from_server(server, Urllib3Fetcher())).number == 42
    assert checker.check(path).number == 42


def test_a_server_that_is_none_says_what_it_lacks(server: str, maker: ReleaseMaker, checker: Checker) -> None:
    with pytest.raises(ReleaseError) as refused:
        checker.verify(from_server(server, Urllib3Fetcher()))
    assert refused.value.template == errors.SERVER_LACKS


def test_a_server_that_is_gone_is_asked_later(checker: Checker) -> None:
    with pytest.raises(ReleaseError) as refused:
        checker.verify(from_server("http://127.0.0.1:9", Urllib3Fetcher()))
    assert refused.value.template == errors.NO_ANSWER
