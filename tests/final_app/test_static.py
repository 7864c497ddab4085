"""A browser keeps the scripts and styles of the pages until they change."""

import mimetypes
import re
from pathlib import Path

import pytest
from flask import Flask, url_for

from final_app.web import static
from tests.final_app.rig import application

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return application(tmp_path_factory.mktemp("app"))


def test_the_addresses_of_a_page_may_be_kept_for_ever(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/login", follow_redirects=True).text
    links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(links) > 1
    for link in links:
        assert client.get(link).headers["Cache-Control"] == FOR_EVER, link


def test_browsers_accept_the_types_whatever_windows_has_registered(tmp_path: Path) -> None:
    mimetypes.add_type("text/plain", ".js")  # as from the registry
    client = application(tmp_path).test_client()
    for path, kind in {
        "js/main.js": "text/javascript", "css/base.css": "text/css", "icon.svg": "image/svg+xml",
    }.items():  # fmt: skip
        answer = client.get(f"/static/a/{path}")
        assert answer.mimetype == kind
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_scripts_import_each_other_below_the_same_version(app: Flask) -> None:
    with app.test_request_context():
        main = url_for("static", filename="js/main.js")
    text = app.test_client().get(main).text
    imported = re.findall(r'from "(\./[^"]+)"', text)
    assert imported, "they name each other relatively"
    assert not re.search(r'from "/', text)


@pytest.mark.parametrize("version", ["another", "000000000000"])
def test_another_version_gets_the_file_but_does_not_keep_it(app: Flask, version: str) -> None:
    answer = app.test_client().get(f"/static/{version}/js/main.js")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"


def test_a_developer_sees_a_change_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.test_request_context():
        address = url_for("static", filename="js/main.js")
    monkeypatch.setattr(app, "debug", True)
    assert app.test_client().get(address).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["../config.py", "..%2fconfig.py", "js/none.js", "js/", ""])
def test_only_files_of_the_folder_are_there(app: Flask, path: str) -> None:
    assert app.test_client().get(f"/static/a/{path}").status_code == 404


def test_a_version_changes_with_each_content_and_each_name(tmp_path: Path) -> None:
    versions = {static.version(tmp_path)}
    (tmp_path / "a.js").write_text("1")
    versions.add(static.version(tmp_path))
    (tmp_path / "a.js").write_text("2")
    versions.add(static.version(tmp_path))
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    versions.add(static.version(tmp_path))
    assert len(versions) == 4
    assert static.version(tmp_path) in versions
