"""Settings: their documentation is generated, and wrong ones are rejected. Also the secret key."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from final_app import config, hardening
from final_app.errors import WrongSetting
from tests.final_app.rig import HAS_MODES, Person, Server, application, assert_private, ended
from workshop import paths

DOCUMENT = paths.ROOT / "docs" / "settings.md"


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    """Start the chat with settings that it must reject."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHAT_")}
    return ended(environment | settings)


def test_the_table_of_settings_is_made_from_the_settings() -> None:
    """If this fails, run `python -m final_app.config`, which prints the table for docs/settings.md."""
    assert config.table() in DOCUMENT.read_text(encoding="utf-8")


def test_every_setting_says_what_it_is() -> None:
    assert len(config.Settings.model_fields) >= 10
    for name, field in config.Settings.model_fields.items():
        assert f"`CHAT_{name.upper()}`" in config.table()
        assert field.description and field.description.endswith(".")


def test_settings_come_from_the_environment_and_have_defaults() -> None:
    assert config.read({"HOME": "/root"}) == config.Settings()
    assert config.read({"CHAT_DATA_DIR": ""}) == config.Settings()
    read = config.read({"CHAT_PROXY_HOPS": "2", "CHAT_OPEN_REGISTRATION": "1"})
    assert (read.proxy_hops, read.open_registration) == (2, True)
    sites = "'Self'  https://*.hub.example:8443 hub.example"
    assert config.read({"CHAT_FRAME_ANCESTORS": sites}).frame_ancestors == sites
    assert config.read({"CHAT_UPLOAD_TYPES": "image/ text/plain"}).upload_types.startswith("image/")
    hosts = config.read({"CHAT_HOSTS": "Chat.Example.org,.bücher.example  *"}).hosts
    assert hosts == "chat.example.org .xn--bcher-kva.example *"


WRONG = [
    ("CHAT_PROXY_HOPS", "one", "integer"),
    ("CHAT_PROXY_HOPS", "-1", "greater than or equal to 0"),
    ("CHAT_PROXY_HOPS", "", "integer"),
    ("CHAT_OPEN_REGISTRATION", "perhaps", "boolean"),
    ("CHAT_LIMIT_MESSAGES", "many", "expected one rate above 0, such as `20 per 10 seconds`"),
    ("CHAT_LIMIT_LOGINS", "10 per fortnight", "expected one rate"),
    ("CHAT_LIMIT_LOGINS", "0 per 5 minutes", "expected one rate above 0"),
    ("CHAT_LIMIT_LOGINS", "10 per minute; 50 per hour", "expected one rate"),
    (
        "CHAT_DATABASE_URL",
        "chat.db",
        "expected an address such as `postgresql+psycopg://chat@localhost/chat`",
    ),
    ("CHAT_DATABASE_URL", "nosuch://host/chat", "expected an address"),
    ("CHAT_DATABASE_URL", "postgresql://localhost/chat", "uses SQLite"),
    ("CHAT_DATABASE_URL", "sqlite://", "expected an address"),
    ("CHAT_DATABASE_URL", "sqlite:///:memory:", "expected an address"),
    ("CHAT_DATABASE_URL", "sqlite:///file:chat.db?uri=true", "expected an address"),
    ("CHAT_HOSTS", "https://chat.example.org", "expected host names without a scheme"),
    ("CHAT_HOSTS", "chat.example.org:443", "expected host names without a scheme"),
    ("CHAT_HOSTS", "chat.example.org, *.example.net", "expected host names without a scheme"),
    ("CHAT_HOSTS", "chat..example.org", "expected host names without a scheme"),
    ("CHAT_FRAME_ANCESTORS", "'self'; script-src *", "expected `'none'`"),
    ("CHAT_FRAME_ANCESTORS", "'self'\r\nSet-Cookie: a=b", "expected `'none'`"),
    ("CHAT_FRAME_ANCESTORS", "self https://hub.example", "`'self'` in quotes"),
    ("CHAT_FRAME_ANCESTORS", "None", "in quotes"),
    ("CHAT_FRAME_ANCESTORS", "https://täst.example", "origins such as"),
    ("CHAT_UPLOAD_TYPES", "image/,text/", "separated by spaces"),
    ("CHAT_UPLOAD_TYPES", "image/*", "prefixes such as"),
    ("CHAT_UPLOAD_TYPES", "Image/", "expected lowercase prefixes"),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_a_wrong_value_is_refused_with_what_was_expected(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(WrongSetting) as caught:
        config.read({name: value})
    told = caught.value.message
    assert told.startswith(f"{name}: ") and expected in told and repr(value) in told


@pytest.mark.parametrize("kind", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_refused_address_of_a_database_is_told_without_its_password(kind: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        config.read({"CHAT_DATABASE_URL": f"{kind}://chat:pass/w@rd@localhost:x/chat"})
    assert "expected an address" in caught.value.message and "chat:***@localhost" in str(
        caught.value
    )
    assert "pass" not in caught.value.message and "w@rd" not in caught.value.message


def test_a_secret_key_that_is_too_short_is_refused_without_being_told() -> None:
    with pytest.raises(WrongSetting) as caught:
        config.read({"CHAT_SECRET_KEY": "fifteen letters"})
    assert "at least 16 random characters" in caught.value.message
    assert "fifteen" not in caught.value.message
    assert config.read({"CHAT_SECRET_KEY": "sixteen letters!"}).secret_key == "sixteen letters!"


def test_a_setting_of_an_earlier_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        WrongSetting, match=r"CHAT_MESSAGE_QUEUE is no longer a setting.*CHAT_DATABASE_URL"
    ):
        config.read({"CHAT_MESSAGE_QUEUE": "redis://localhost:6379/0"})


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(WrongSetting, match=r"CHAT_PROXYHOPS is not a setting.*CHAT_PROXY_HOPS"):
        config.read({"CHAT_PROXYHOPS": "1"})


def test_the_program_does_not_start_on_wrong_settings(tmp_path: Path) -> None:
    """It exits with code 2, prints one line for each mistake and no traceback, and creates nothing."""
    folder = tmp_path / "data"
    told = start(CHAT_DATA_DIR=str(folder), CHAT_PROXY_HOPS="x", CHAT_SECRET="y")
    lines = told.stderr.strip().splitlines()
    assert (told.returncode, len(lines)) == (2, 2), told
    assert lines[0].startswith("CHAT_PROXY_HOPS") and lines[1].startswith(
        "CHAT_SECRET is not a setting"
    )
    assert not folder.exists()


def test_the_flask_command_says_no_more_than_that(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "final_app", "run", "--port", "0"],
        cwd=paths.ROOT, capture_output=True, text=True, timeout=60,
        env=os.environ | {"CHAT_DATA_DIR": str(tmp_path), "CHAT_PROXY_HOPS": "x"},
    )  # fmt: skip
    assert told.returncode != 0 and "Traceback" not in told.stderr
    assert "Error: CHAT_PROXY_HOPS: " in told.stderr


def test_a_data_folder_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    for folder in (file, file / "below"):
        told = start(CHAT_DATA_DIR=str(folder))
        assert (told.returncode, len(told.stderr.strip().splitlines())) == (2, 1), told
        assert told.stderr.startswith("CHAT_DATA_DIR: expected a writable folder")


def test_a_database_in_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'missing' / 'chat.db'}"
    told = start(CHAT_DATA_DIR=str(tmp_path), CHAT_DATABASE_URL=database)
    assert (told.returncode, len(told.stderr.strip().splitlines())) == (2, 1), told
    assert told.stderr.startswith(f"There is no folder {tmp_path / 'missing'} for")


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = config.Settings(data_dir=tmp_path / "data")
    secret = hardening.secret_key(settings)
    path = tmp_path / "data" / "secret"
    assert len(secret) == 2 * hardening.SECRET_BYTES and path.read_text() == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert hardening.secret_key(settings) == secret
    assert hardening.secret_key(config.Settings(data_dir=tmp_path / "other")) != secret
    assert [each.name for each in path.parent.iterdir()] == ["secret"]  # no draft is left


def test_a_full_disk_leaves_no_draft_of_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hardening.secrets, "token_hex", no_space)
    with pytest.raises(WrongSetting, match="No space left on device"):
        hardening.secret_key(config.Settings(data_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff" * 64, b"\0" * 64])
def test_a_damaged_secret_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(WrongSetting, match=r"secret should contain .*\. Restore .* or delete it"):
        hardening.secret_key(config.Settings(data_dir=tmp_path))


@pytest.mark.skipif(not HAS_MODES, reason="Windows has no modes of this kind")
def test_a_folder_that_others_can_read_is_reported_with_the_command_that_closes_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "it's data"
    folder.mkdir(mode=0o755)
    application(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755  # it is not the chat's to change
    (told,) = [each.getMessage() for each in caplog.records if "can read" in each.getMessage()]
    command = told.partition("Run: ")[2]
    subprocess.run(command, shell=True, check=True)
    assert_private(folder, least=3)
    caplog.clear()
    application(folder)
    assert "can read" not in caplog.text


@pytest.mark.skipif(not HAS_MODES, reason="Windows has no modes of this kind")
def test_a_database_outside_the_folder_is_looked_at_too(tmp_path: Path) -> None:
    database = tmp_path / "chat.db"
    for suffix in ("", "-wal"):
        (tmp_path / f"chat.db{suffix}").touch(0o644)
    settings = config.Settings(data_dir=tmp_path, database_url=f"sqlite:///{database}")
    (command,) = hardening.commands_that_close(settings)
    subprocess.run(command, shell=True, check=True)
    assert_private(tmp_path, least=3)
    assert hardening.commands_that_close(settings) == []


def test_a_relative_path_of_a_database_is_relative_to_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url, path in {
        "": "data/chat.db",
        "sqlite:///team.db": "data/team.db",
        "sqlite:///../team.db": "team.db",
        f"sqlite:///{tmp_path}/team.db": "team.db",
    }.items():
        settings = config.Settings(data_dir=Path("data"), database_url=url)
        assert settings.database_path == tmp_path / path
        assert settings.database == f"sqlite:///{tmp_path / path}"
    settings = config.Settings(database_url="postgresql+psycopg://chat:p%40ss@localhost/chat")
    assert settings.database_path is None and settings.database == settings.database_url
    settings = config.Settings(database_url="sqlite:///team.db?cached_statements=9")
    assert settings.database.endswith("/team.db?cached_statements=9")


@pytest.mark.skipif(not HAS_MODES, reason="Windows has no modes of this kind")
def test_a_database_with_a_relative_address_is_looked_at_in_the_data_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "team.db").touch(0o644)
    settings = config.Settings(data_dir=tmp_path, database_url="sqlite:///team.db")
    (command,) = hardening.commands_that_close(settings)
    subprocess.run(command, shell=True, check=True)
    assert_private(tmp_path, least=2)


def test_a_secret_that_is_set_wins_and_makes_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    settings = config.Settings(data_dir=folder, secret_key="chosen by hand, once")
    assert hardening.secret_key(settings) == "chosen by hand, once"
    assert list(folder.iterdir()) == []  # the database is stored there


def test_log_ins_and_forms_outlive_a_restart(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    ada = Person(server, "ada").begin()
    token = ada.token("/account")
    server.stop()
    server.start()
    headers = {"X-CSRFToken": token}
    answer = ada.http.post(f"{server.url}/api/invites", headers=headers)
    assert answer.status_code == 201
    server.stop()
    assert not [line for line in server.log if "Traceback" in line]
