"""The files that the helper writes for systemd-networkd and the resolver."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.network import phrases
from mbusmaster.helper.network.nameservers import NameServers, with_servers
from mbusmaster.helper.network.networkd import file_of
from mbusmaster.helper.network.plan import Wanted, read_wanted

SERVER = IPv4Address("9.9.9.9")


def test_a_network_file_says_all_and_only_what_is_wanted() -> None:
    said = {"address": "10.1.0.7", "netmask": "255.255.0.0", "gateway": "10.1.0.1", "dns1": "10.1.0.53"}
    static = file_of(read_wanted({"interface": "eth0", "dhcp": False, **said}))
    assert static.splitlines()[1:] == [
        "[Match]",
        "Name=eth0",
        "",
        "[Network]",
        "DHCP=no",
        "Address=10.1.0.7/16",
        "Gateway=10.1.0.1",
        "DNS=10.1.0.53",
    ]
    assert file_of(Wanted("eth0")).splitlines()[4:] == ["[Network]", "DHCP=ipv4"]


def test_only_the_name_servers_of_the_resolver_change() -> None:
    text = "# mine\nsearch example.org\nnameserver 1.1.1.1\nnameserver 2.2.2.2\noptions edns0"
    assert with_servers(text, [SERVER]) == "# mine\nsearch example.org\noptions edns0\nnameserver 9.9.9.9\n"


def resolver(root: Path) -> Path:
    (root / "etc").mkdir()
    return root / "etc" / "resolv.conf"


def test_name_servers_are_kept_where_nobody_else_writes_them(tmp_path: Path) -> None:
    file = resolver(tmp_path)
    servers = NameServers(tmp_path)
    assert [text.template for text in servers.warnings([SERVER])] == [phrases.DNS_WHEN_KEPT]
    assert servers.warnings([]) == ()
    assert servers.keep([SERVER]) == ""
    assert file.read_text() == "nameserver 9.9.9.9\n"
    assert servers.keep([]) is None
    servers.write("options edns0\n")
    assert file.read_text() == "options edns0\n"


@pytest.mark.parametrize(
    ("target", "warned"),
    [
        ("../run/systemd/resolve/stub-resolv.conf", []),
        ("../run/resolvconf/resolv.conf", [phrases.DNS_ELSEWHERE]),
    ],
)
def test_a_file_of_another_program_stays_as_it_is(tmp_path: Path, target: str, warned: list[str]) -> None:
    file = resolver(tmp_path)
    file.symlink_to(target)
    servers = NameServers(tmp_path)
    assert [text.template for text in servers.warnings([SERVER])] == warned
    assert servers.keep([SERVER]) is None
    with pytest.raises(RefusedError):
        servers.write("nameserver 9.9.9.9\n")
    assert file.is_symlink()
