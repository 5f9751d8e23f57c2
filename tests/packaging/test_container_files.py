"""The files for containers; nothing is built here."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml  # type: ignore[import-untyped]

from mbusheadend.settings import PORT, WEB_PORT, Settings
from mbusmaster.settings import Store
from support.needs import PROJECT, program

DOCKER = PROJECT / "packaging/docker"
DOCKERFILE = DOCKER / "Dockerfile"


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return content


@pytest.mark.peers
def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--format", "json", DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout) == []


@pytest.mark.peers
@pytest.mark.parametrize("file", ["compose.yaml", "compose-big.yaml"])
def test_compose_understands_its_file(file: str, tmp_path: Path) -> None:
    compose = program("docker-compose", "docker-compose")
    for secret in ("pgpass", "postgres-password"):
        (tmp_path / secret).touch()
    done = subprocess.run(
        [compose, "--file", DOCKER / file, "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SECRETS": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_big_head_end_has_what_its_files_name() -> None:
    services = yaml.safe_load((DOCKER / "compose-big.yaml").read_text())["services"]
    settings = Settings.model_validate(tomllib.loads((DOCKER / "headend-big.toml").read_text()))
    assert settings.stream is not None
    assert {urlsplit(one).hostname for one in settings.stream.servers} < set(services)
    assert settings.store is not None
    assert urlsplit(settings.store.url).hostname in services
    balancer = services["balancer"]["environment"]
    assert {balancer["HEADEND_1"], balancer["HEADEND_2"]} < set(services)
    for one in services.values():
        for volume in one["volumes"]:
            source = str(volume).partition(":")[0]
            assert not source.startswith(".") or (DOCKER / source).exists(), source
    for name in ("headend-1", "headend-2", "balancer", "nats-1"):
        assert (services[name]["read_only"], services[name]["cap_drop"]) == (True, ["ALL"])
        assert name == "balancer" or "ports" not in services[name]
    assert "--extra postgres --extra stream" in DOCKERFILE.read_text()


@pytest.mark.peers
def test_the_nodes_of_the_stream_and_the_balancer_understand_their_settings() -> None:
    for command, more in (
        (
            [str(Path(sys.executable).with_name("nats-server")), "-t", "-c", str(DOCKER / "nats.conf")],
            {"NODE": "nats-1"},
        ),
        (
            [program("haproxy", "haproxy"), "-c", "-f", str(PROJECT / "packaging/headend/haproxy.cfg")],
            {"HEADEND_1": "127.0.0.1", "HEADEND_2": "127.0.0.1"},
        ),
    ):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **more}
        )
        assert done.returncode == 0, done.stderr


def test_the_gateway_is_no_root_and_writes_only_where_it_must() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    assert "USER 990" in lines
    gateway = compose()["services"]["gateway"]
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert "privileged" not in gateway
    written = {volume.partition(":")[2] for volume in gateway["volumes"]}
    assert written == {"/etc/mbusmaster", "/var/lib/mbusmaster"}


def test_the_head_end_runs_only_where_it_is_wanted_and_writes_only_its_readings() -> None:
    head_end = compose()["services"]["headend"]
    assert head_end["profiles"] == ["headend"]
    assert (head_end["read_only"], head_end["cap_drop"]) == (True, ["ALL"])
    assert [volume.partition(":")[2] for volume in head_end["volumes"]] == ["/var/lib/mbusheadend"]
    assert "/var/lib/mbusheadend" in DOCKERFILE.read_text()
    assert [str(port).partition(":")[2] for port in head_end["ports"]] == [str(PORT), str(WEB_PORT)]


def test_what_the_image_copies_is_there_and_is_not_ignored() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    for line in DOCKERFILE.read_text().splitlines():
        words = line.split()
        if words[:1] != ["COPY"] or "--from=build" in words:
            continue
        for source in [word for word in words[1:-1] if not word.startswith("--")]:
            assert (PROJECT / source).exists(), source
            assert f"!{source}" in ignored, source


def test_the_first_settings_of_a_container_fit_its_ports() -> None:
    settings = Store(DOCKER / "mbusmaster.toml").load().settings
    assert settings.web.lan
    inside = {int(str(port).partition(":")[2]) for port in compose()["services"]["gateway"]["ports"]}
    channels = settings.channels
    assert inside == {settings.web.lan_port, channels.secured_tcp.port, channels.plain_tcp.port}
    assert f"127.0.0.1:{settings.web.port}/" in DOCKERFILE.read_text()


def test_the_first_settings_of_the_package_are_valid() -> None:
    loaded = Store(PROJECT / "packaging/mbusmaster.toml").load()
    assert loaded.problem == ""
    assert loaded.settings.buses[0].url == "/dev/ttyUSB0"
