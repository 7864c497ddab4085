"""The workflows run reviewed code with few permissions, and Dependabot watches all dependencies."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from workshop import paths

GITHUB = paths.ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
USES = re.compile(r"(?m)^\s*(?:- )?uses:\s*(.+)$")
PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+")
IN_THIS_REPOSITORY = re.compile(r"\./\S+")
WATCHED_FILES = {  # what Dependabot calls the files of each kind
    "github-actions": ".github/workflows/*.yml",
    "npm": "package-lock.json",
    "pip": "pyproject.toml",
    "docker": "*/Dockerfile",
    "docker-compose": "*/compose.yml",
}

each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)


def unpinned(text: str) -> list[str]:
    """Return the actions that are not pinned to a full commit with the version in a comment."""
    used = [use.strip() for use in USES.findall(text)]
    return [use for use in used if not (PINNED.fullmatch(use) or IN_THIS_REPOSITORY.fullmatch(use))]


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(workflow.read_text("utf-8"))["jobs"])


def checkouts(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(workflow).values():
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                yield step


@each_workflow
def test_every_action_is_pinned_by_its_commit(workflow: Path) -> None:
    text = workflow.read_text("utf-8")
    assert USES.search(text)
    assert unpinned(text) == []


@pytest.mark.parametrize(
    "action", ["actions/checkout@v7", "actions/checkout@main", "a/b@3d3c42e5", f"a/b@{'0' * 40}"]
)
def test_an_action_that_may_change_or_hides_its_version_is_found(action: str) -> None:
    assert unpinned(f"      - uses: {action}\n") == [action]


def test_no_checkout_leaves_its_token_behind() -> None:
    steps = [step for workflow in WORKFLOWS for step in checkouts(workflow)]
    assert len(steps) >= 4
    assert [step for step in steps if step.get("with", {}).get("persist-credentials", True)] == []


def test_only_the_jobs_that_publish_may_write_and_they_run_none_of_our_code() -> None:
    for workflow in WORKFLOWS:
        assert yaml.safe_load(workflow.read_text("utf-8"))["permissions"] == {"contents": "read"}
    permissions = {
        name: job["permissions"]
        for workflow in WORKFLOWS
        for name, job in jobs(workflow).items()
        if "permissions" in job
    }
    assert permissions == {
        "publish": {"contents": "write"},
        "deploy": {"pages": "write", "id-token": "write"},
    }
    publish = jobs(GITHUB / "workflows" / "release.yml")["publish"]
    deploy = jobs(GITHUB / "workflows" / "site.yml")["deploy"]
    assert not any("checkout" in step.get("uses", "") for step in publish["steps"])
    assert [step["uses"].partition("@")[0] for step in deploy["steps"]] == ["actions/deploy-pages"]


def test_dependabot_watches_every_kind_of_file_that_is_here() -> None:
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text("utf-8"))["updates"]
    here = {kind for kind, pattern in WATCHED_FILES.items() if any(paths.ROOT.glob(pattern))}
    assert {update["package-ecosystem"] for update in updates} == here
