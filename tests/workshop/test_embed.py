"""A live page has the address at which the reader's browser can reach it, and is in a sandbox."""

import pytest

from workshop import embed, manifest, views
from workshop.stages import Stage

CODESPACE = {
    "CODESPACE_NAME": "ada-1234",
    "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev",
}
HUB = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, "http://localhost:5001/chat?username=Ada"),
        (HUB, "/user/ada/proxy/5001/chat?username=Ada"),
        (CODESPACE, "https://ada-1234-5001.app.github.dev/chat?username=Ada"),
        ({"CODESPACE_NAME": "ada-1234"}, "http://localhost:5001/chat?username=Ada"),
    ],
    ids=["at home", "below a hub", "in a Codespace", "without a forwarding domain"],
)
def test_a_page_is_shown_where_the_browser_reaches_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], address: str
) -> None:
    for name in HUB | CODESPACE:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert embed.address(5001, "/chat?username=Ada") == address


def test_only_a_step_whose_template_opens_a_tab_may_open_one() -> None:
    may = [step.number for step in manifest.steps() if "popups" in embed.sandbox(step.folder)]
    assert may == ["16"]


def test_every_live_page_has_a_link_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[views.View] = []
    monkeypatch.setattr(views, "display", shown.append)
    step = manifest.step("05")
    views.side_by_side(Stage(step.name, step.folder, "", port=5001), "Ada", "Bo & Cy")
    (view,) = shown
    for name in ("Ada", "Bo%20%26%20Cy"):
        address = f"http://localhost:5001/chat?username={name}"
        assert f'<iframe src="{address}"' in view.markup
        assert f'<a href="{address}" target="_blank" rel="noopener"' in view.markup
    assert "localhost" not in view.text, "what is stored names no port"
