"""The rule for skips: one line names what is missing, and REQUIRE turns the skip into a failure."""

from pathlib import Path

import pytest

from tests import needs
from workshop import cluster


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine on which no browser can be found. Returns the only folder on its PATH."""
    monkeypatch.delenv("REQUIRE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.setattr(needs, "_usual_places", lambda: iter(()))
    monkeypatch.setattr(cluster, "USUAL_PLACES", ())
    return tmp_path


@pytest.mark.usefixtures("bare_machine")
def test_without_a_browser_a_test_skips_with_one_line() -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        needs.needs_browser()
    line = str(skipped.value)
    assert "no Chromium, Chrome or Edge was found" in line
    assert "\n" not in line


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize("required", ["browser", "redis,browser", "redis, browser"])
def test_without_a_browser_a_test_fails_when_require_names_it(
    monkeypatch: pytest.MonkeyPatch, required: str
) -> None:
    monkeypatch.setenv("REQUIRE", required)
    with pytest.raises(pytest.fail.Exception, match="REQUIRE names `browser`"):
        needs.needs_browser()


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize("required", ["", "redis", "browsers"])
def test_require_of_something_else_leaves_the_skip_a_skip(
    monkeypatch: pytest.MonkeyPatch, required: str
) -> None:
    monkeypatch.setenv("REQUIRE", required)
    with pytest.raises(pytest.skip.Exception):
        needs.needs_browser()


def test_without_nginx_a_test_skips_or_fails_in_the_same_way(
    monkeypatch: pytest.MonkeyPatch, bare_machine: Path
) -> None:
    monkeypatch.setattr(needs, "NGINX", ("nginx",))
    with pytest.raises(pytest.skip.Exception, match="no nginx was found"):
        needs.needs_nginx()
    monkeypatch.setenv("REQUIRE", "browser,nginx")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE names `nginx`"):
        needs.needs_nginx()
    (bare_machine / "nginx").touch(mode=0o755)
    assert needs.needs_nginx() == str(bare_machine / "nginx")


def test_without_postgresql_a_test_skips_or_fails_in_the_same_way(
    monkeypatch: pytest.MonkeyPatch, bare_machine: Path
) -> None:
    with pytest.raises(pytest.skip.Exception, match="no PostgreSQL was found"):
        needs.needs_postgres()
    monkeypatch.setenv("REQUIRE", "browser,postgres")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE names `postgres`"):
        needs.needs_postgres()
    (bare_machine / "initdb").touch(mode=0o755)
    assert needs.needs_postgres() == str(bare_machine / "initdb")


@pytest.mark.parametrize("required", ["", "browser"])
def test_a_browser_on_the_path_is_found_and_nothing_is_skipped(
    monkeypatch: pytest.MonkeyPatch, bare_machine: Path, required: str
) -> None:
    monkeypatch.setenv("REQUIRE", required)
    browser, shell = bare_machine / "chromium", bare_machine / "chromium-headless-shell"
    browser.touch(mode=0o755)
    assert needs.needs_browser() == needs.needs_windows() == str(browser)
    shell.touch(mode=0o755)
    assert (needs.needs_browser(), needs.needs_windows()) == (str(shell), str(browser))


def test_playwrights_own_browser_is_found_where_it_installs_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(needs, "APPLICATIONS", ())
    monkeypatch.setattr(needs, "PROGRAMS", ())
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert needs.find_browser() is None
    own = tmp_path / "chromium-1234" / "chrome-linux64" / "chrome"
    own.parent.mkdir(parents=True)
    own.touch()
    assert needs.needs_browser() == needs.find_browser() == str(own)
    shell = tmp_path / "chromium_headless_shell-1234" / "chrome-linux" / "headless_shell"
    shell.parent.mkdir(parents=True)
    shell.touch()
    assert (needs.needs_browser(), needs.find_browser()) == (str(shell), str(own))
