"""The files of deploy/ name what exists: locks, extras, commands, ports, settings and each other."""

import argparse
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from final_app.config import PREFIX, Settings
from workshop import paths

DEPLOY = paths.ROOT / "deploy"
DOCKERFILE, IGNORED, COMPOSE = "Dockerfile", "Dockerfile.dockerignore", "compose.yml"
PROXIES = ("nginx.conf", "nginx-below.conf", "nginx-workers.conf", "Caddyfile", "Caddyfile-workers")
UNITS = ("chat.service", "chat@.service")
SETTING = re.compile(rf"\b{PREFIX}[A-Z_]+\b")
COMPOSES_OWN = {"CHAT_HOST", "CHAT_PROCESSES", "CHAT_DATABASE_PASSWORD"}  # of compose.yml and Caddy

files = pytest.mark.parametrize("name", sorted(path.name for path in DEPLOY.iterdir()))


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile: the word, and what comes after it."""
    lines = re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ").splitlines()
    return [(word, " ".join(rest.split())) for word, _, rest in map(_split, filter(None, lines))]


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(" ")


def copied(text: str) -> set[str]:
    """Return the files and folders of the repository that a Dockerfile copies."""
    copies = [rest.split() for word, rest in instructions(text) if word == "COPY"]
    return {name for words in copies if "--from" not in words[0] for name in words[:-1]}


def unknown_settings(text: str) -> set[str]:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return set(SETTING.findall(text)) - known - COMPOSES_OWN


def locks_not_copied(text: str) -> set[str]:
    """Return the locks that a Dockerfile installs without having copied them."""
    runs = " ".join(rest for word, rest in instructions(text) if word == "RUN")
    return set(re.findall(r"-r (\S+)", runs)) - copied(text)


def without_hashes(text: str) -> list[str]:
    """Return the commands that install from the network and do not check hashes."""
    commands = [
        part.strip()
        for word, rest in instructions(text)
        if word == "RUN"
        for part in rest.split("&&")
    ]
    installs = [each for each in commands if "pip install" in each and "dist/" not in each]
    assert installs
    return [each for each in installs if "--require-hashes" not in each]


def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(read(COMPOSE))["services"])


def chats() -> dict[str, dict[str, Any]]:
    """Return the services of compose.yml that run the image of the Dockerfile."""
    return {name: each for name, each in services().items() if "build" in each}


@files
def test_every_setting_exists(name: str) -> None:
    assert unknown_settings(read(name)) == set()


def test_a_setting_that_does_not_exist_is_found() -> None:
    assert unknown_settings("CHAT_HOSTS=x CHAT_MESSAGE_QUEUE=y CHAT_LOG=json") == {
        "CHAT_MESSAGE_QUEUE"
    }


def test_what_the_dockerfile_copies_exists_and_is_sent_to_the_builder() -> None:
    names = copied(read(DOCKERFILE))
    assert len(names) > 10 and [each for each in names if not (paths.ROOT / each).exists()] == []
    patterns = [line[1:] for line in read(IGNORED).splitlines() if line.startswith("!")]
    assert "*" in read(IGNORED).splitlines()
    assert sorted(names - set(patterns)) == [
        name for name in sorted(names) if Path(name).match("requirements-*.lock")
    ]
    assert set(patterns) - names == {"requirements-*.lock"}


def test_the_dockerfile_installs_from_locks_with_hashes() -> None:
    text = read(DOCKERFILE)
    assert locks_not_copied(text) == set() and without_hashes(text) == []
    assert {"requirements-scale.lock", "requirements-uv.lock"} <= copied(text)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("--require-hashes --only-binary :all: -r requirements-scale.lock", "-r requirements.lock"),
        ("COPY requirements-scale.lock ./", "COPY requirements-chat.lock ./"),
    ],
)  # fmt: skip
def test_a_dockerfile_without_hashes_or_without_a_lock_is_found(there: str, instead: str) -> None:
    text = read(DOCKERFILE)
    assert there in text
    changed = text.replace(there, instead)
    assert without_hashes(changed) or locks_not_copied(changed) == {"requirements-scale.lock"}


def test_the_lock_of_the_image_holds_both_extras() -> None:
    """The chat and what several processes need, and nothing of the workshop's."""
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    lock = (paths.ROOT / "requirements-scale.lock").read_text("utf-8")
    locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", lock))
    wanted = {Requirement(each).name for extra in ("chat", "scale") for each in extras[extra]}
    assert wanted <= locked and not {"jupyterlab", "pytest"} & locked
    assert re.findall(r"(?m)^--hash|^    --hash", lock)


def test_the_image_starts_the_chat_as_somebody_who_is_not_root() -> None:
    last = dict(instructions(read(DOCKERFILE)))
    assert last["USER"] == "chat" and "useradd" in " ".join(
        map(str, instructions(read(DOCKERFILE)))
    )
    command = yaml.safe_load(last["CMD"])
    assert command[:3] == ["python", "-m", "final_app"]
    options = started_with(command[3:])
    assert last["EXPOSE"] == options["--port"]
    assert f"http://127.0.0.1:{options['--port']}/readyz" in last["HEALTHCHECK"]
    assert last["VOLUME"] in last["ENV"] and f"{PREFIX}DATA_DIR={last['VOLUME']}" in last["ENV"]


def started_with(words: list[str]) -> dict[str, str]:
    """Return the options of `python -m final_app`, each of which has to exist."""
    source = (paths.ROOT / "final_app" / "__main__.py").read_text("utf-8")
    parser = argparse.ArgumentParser(exit_on_error=False)
    for option in re.findall(r'"(--[a-z-]+)"', source):
        switch = re.search(rf'"{option}"[^)]*store_true', source)
        parser.add_argument(option, action="store_true" if switch else "store")
    found, unknown = parser.parse_known_args(words)
    assert unknown == []
    return {f"--{name.replace('_', '-')}": str(value) for name, value in vars(found).items()}


def test_an_option_that_does_not_exist_is_found() -> None:
    with pytest.raises(AssertionError):
        started_with(["--no-browser", "--processes", "3"])


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_start_the_chat_with_options_that_exist(unit: str) -> None:
    (command,) = re.findall(r"(?m)^ExecStart=.* -m final_app (.*)$", read(unit))
    port = started_with(shlex.split(command))["--port"]
    assert port == ("%i" if "@" in unit else "5000")
    assert "@" not in unit or f"http://127.0.0.1:{port}/readyz" in read(unit)


def test_the_units_are_the_same_where_they_protect() -> None:
    one, many = (read(unit).partition("Restart=on-failure")[2] for unit in UNITS)
    assert len(one) > 500
    assert one == many.replace(" All processes share it.", "")


def test_the_proxies_know_the_ports_of_the_units() -> None:
    enabled = re.findall(
        r"chat@(\d+)", read("chat@.service").split("enable --now")[1].split("\n")[0]
    )
    assert len(enabled) == 3
    for name in ("nginx-workers.conf", "Caddyfile-workers"):
        assert set(re.findall(r"127\.0\.0\.1:(50\d\d)", read(name))) == set(enabled), name
    (loop,) = re.findall(r"for port in ([\d ]+);", read("chat@.service"))
    assert loop.split() == enabled


@pytest.mark.parametrize("name", PROXIES)
def test_every_proxy_sets_the_id_of_a_request_and_no_page_for_monitoring(name: str) -> None:
    assert re.search(r"(?:proxy_set_header|header_up) X-Request-ID ", read(name))
    assert "/readyz" in read(name)


def test_caddy_refuses_monitoring_below_a_path_too() -> None:
    """Outside the block, Caddy would never get to `respond`, because `handle_path` comes first."""
    example = read("Caddyfile").replace("#", "").partition("handle_path")[2]
    assert re.search(r"respond /readyz 404\s+reverse_proxy", example)


def test_compose_runs_three_processes_of_the_image_with_one_database() -> None:
    found = chats()
    assert len(found) == 3
    for each in found.values():
        build = each["build"]
        assert (DEPLOY / build["context"]).resolve() == paths.ROOT
        assert (paths.ROOT / build["dockerfile"]).is_file()
        settings = each["environment"]
        assert settings["CHAT_DATABASE_URL"].startswith("postgresql+psycopg://chat@database/")
        assert settings["CHAT_PROXY_HOPS"] == "1" and settings["CHAT_HOSTS"]
        volume = dict(instructions(read(DOCKERFILE)))["VOLUME"]
        assert each["volumes"] == [f"data:{volume}"]
    database = services()["database"]["environment"]
    assert database["POSTGRES_USER"] == "chat" and "UTF8" in database["POSTGRES_INITDB_ARGS"]


def test_the_proxy_of_compose_knows_every_process_at_its_port() -> None:
    port = dict(instructions(read(DOCKERFILE)))["EXPOSE"]
    proxy = services()["proxy"]
    assert proxy["environment"]["CHAT_PROCESSES"].split() == [f"{name}:{port}" for name in chats()]
    (mounted,) = [each for each in proxy["volumes"] if each.startswith("./")]
    assert (DEPLOY / mounted.split(":")[0]).is_file()
    assert "{$CHAT_PROCESSES:" in read("Caddyfile-workers") and "{$CHAT_HOST:" in read(
        "Caddyfile-workers"
    )


def test_every_volume_is_declared() -> None:
    declared = yaml.safe_load(read(COMPOSE))["volumes"]
    mounts = [each for service in services().values() for each in service["volumes"]]
    assert {each.split(":")[0] for each in mounts if each[0] != "."} == set(declared)


@files
def test_every_other_file_that_a_file_names_exists(name: str) -> None:
    """Files of the repository, and sections of docs/running.md."""
    text = read(name)
    named = set(re.findall(r"\b(?:deploy|tests|docs)/[\w@/.-]+\w", text)) - {"deploy/.env"}
    assert [each for each in named if not (paths.ROOT / each).exists()] == []
    running = (paths.ROOT / "docs" / "running.md").read_text("utf-8")
    for section in re.findall(
        r"docs/running\.md, “([^”]+)”", " ".join(text.replace("#", "").split())
    ):
        assert f"\n## {section}\n" in running, section
