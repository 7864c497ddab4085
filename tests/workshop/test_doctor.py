"""The doctor finds problems, reports nothing else, and always names a fix."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from workshop import doctor, paths

SHELLS = {"bash", "PowerShell", "cmd"}


def fine() -> doctor.Finding:
    return doctor.Finding("Tea", True, "hot", "hot", doctor.SET_UP)


def wrong() -> doctor.Finding:
    return doctor.Finding("Milk", False, "sour", "fresh", doctor.start_with("doctor"))


def breaks() -> doctor.Finding:
    raise RuntimeError("the thermometer fell")


# ---- the report ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checks", "code", "verdict"),
    [([fine, fine], 0, "READY"), ([fine, wrong, breaks], 1, "NOT READY: Milk, breaks")],
)
def test_one_line_says_whether_a_machine_is_ready(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checks: list[object],
    code: int,
    verdict: str,
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert doctor.one_line() == code
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{verdict} | Python {sys.version_info.major}.")


def test_everything_is_examined_and_every_problem_has_a_fix_in_each_shell() -> None:
    findings = doctor.examine()
    assert len(findings) == len(doctor.CHECKS) >= 11
    assert len({finding.what for finding in findings}) == len(findings)
    for finding in findings:
        assert finding.seen
        assert finding.ok or set(finding.fix) == SHELLS, finding


def test_this_very_environment_is_found_to_be_fine() -> None:
    for check in (doctor.python, doctor.kernel, doctor.browser_client, doctor.websocket):
        assert check().ok, check()


def test_a_fix_is_printed_for_what_failed_and_for_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (fine, wrong))
    assert doctor.report() == 1
    out = capsys.readouterr().out
    assert "FIX  Milk: sour" in out
    assert "py start.py doctor" in out
    assert "ok   Tea: hot" in out
    assert ".venv" not in out
    assert "\x1b" not in out


def test_all_fine_is_said_and_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (fine,))
    assert doctor.report() == 0
    assert "Everything is fine." in capsys.readouterr().out


def test_a_check_that_breaks_is_a_finding_and_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (breaks, fine))
    broken, after = doctor.examine()
    assert not broken.ok
    assert "the thermometer fell" in broken.seen
    assert after.ok


# ---- packages -----------------------------------------------------------------------------------


def test_only_the_pins_that_apply_here_are_read(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(
        "flask==3.1.3 \\\n    --hash=sha256:00\n    # via x\n"
        f"here==1.0 ; sys_platform == '{sys.platform}' \\\n    --hash=sha256:00\n"
        "there==2.0 ; sys_platform == 'plan9' \\\n    --hash=sha256:00\n"
        "bare==3.0\n"
    )
    assert doctor.pins(lock) == {"flask": "3.1.3", "here": "1.0", "bare": "3.0"}


def test_every_pin_of_the_real_lock_is_read() -> None:
    text = (paths.ROOT / "requirements.lock").read_text("utf-8")
    named = {
        line.split("==")[0] for line in text.splitlines() if "==" in line[:60] and line[0] != " "
    }
    read = set(doctor.pins(paths.ROOT / "requirements.lock"))
    assert read <= named
    assert len(named) - len(read) < 8  # what is left out belongs to other systems
    assert {"flask", "jupyterlab", "python-socketio"} <= read


def test_a_missing_and_a_different_package_are_named_and_an_equal_one_is_not() -> None:
    installed = doctor.importlib.metadata.version("flask")
    assert doctor.differing({"flask": installed}) == []
    missing, other = doctor.differing({"no-such-thing": "1.0", "flask": "0.1"})
    assert missing == "no-such-thing is missing (pinned 1.0)"
    assert other == f"flask is {installed} (pinned 0.1)"


def test_a_browser_client_of_another_version_than_the_pin_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"socket.io-client": "2.5.0"}}')
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    finding = doctor.browser_client()
    assert not finding.ok
    assert "2.5.0" in finding.expected


def test_a_missing_wheel_is_named_until_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wanted = doctor.pins(paths.ROOT / "requirements-steps.lock")
    for name, version in wanted.items():
        if name != "flask":
            (wheels / f"{name.replace('-', '_')}-{version}-py3-none-any.whl").touch()
    assert (
        doctor.offline_wheels().seen
        == f"{len(wanted) - 1} found. Step 01 needs the network for: flask"
    )
    (wheels / f"flask-{wanted['flask']}-py3-none-any.whl").touch()
    assert doctor.offline_wheels().ok


# ---- kernel and folders -------------------------------------------------------------------------


def test_a_kernel_that_another_environment_left_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {"argv": ["/elsewhere/bin/python", "-m", "ipykernel_launcher"], "display_name": "x"}
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({**spec, "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    finding = doctor.kernel()
    assert not finding.ok
    assert "/elsewhere/bin/python" in finding.seen
    assert sys.executable in finding.expected


def test_a_wrong_working_folder_is_found_and_the_right_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for right in (paths.ROOT, paths.ROOT / "tests"):
        monkeypatch.chdir(right)
        assert doctor.working_folder().ok
    monkeypatch.chdir(tmp_path)
    finding = doctor.working_folder()
    assert not finding.ok
    assert finding.fix["cmd"] == f'cd /d "{paths.ROOT}"'


def test_the_learners_folder_must_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path / "mine"))
    assert doctor.learners_folder().ok
    (tmp_path / "a file").touch()
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path / "a file"))
    finding = doctor.learners_folder()
    assert not finding.ok
    assert finding.fix["bash"].startswith("mv ")


# ---- port ---------------------------------------------------------------------------------------


@contextmanager
def server_that_calls_itself(name: str) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(403)
            self.send_header("Server", name)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_airplay_at_the_port_is_recognised() -> None:
    with server_that_calls_itself("AirTunes/770.8.1") as port:
        finding = doctor.port(port)
    assert not finding.ok
    assert "AirPlay" in finding.seen
    assert "settings" in finding.expected


def test_another_program_at_the_port_is_named_and_a_free_port_is_fine() -> None:
    with server_that_calls_itself("Else") as port:
        finding = doctor.port(port)
        assert not finding.ok
        assert "AirPlay" not in finding.seen
        assert finding.fix["bash"] == f"flask run --port {port + 1}"
    assert doctor.port(port).ok


def test_a_program_that_does_not_speak_http_holds_the_port_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "ANSWER_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert not doctor.port(mute.getsockname()[1]).ok


def test_the_learners_own_chat_may_hold_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with server_that_calls_itself("Werkzeug") as port:
        monkeypatch.setattr(doctor, "own_ports", lambda: {port})
        assert doctor.port(port).ok
