"""nginx with TLS in front of the chat: the files in deploy/, with other ports and names."""

import os
import random
import re
import select
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.final_app.rig import Person, Server
from tests.needs import needs_nginx
from workshop import in_order, paths, run

DEPLOY = paths.ROOT / "deploy"
PATIENCE = 20  # seconds
_alone = threading.Lock()
FRAME = """
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log {folder}/access.log;
    include {folder}/chat.conf;
}}
"""
CERTIFICATE = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
               "subjectAltName=DNS:localhost,IP:127.0.0.1"]  # fmt: skip


class Front:
    """nginx in front of one or several servers. `url` is the public address.

    A `Person` can use it like a server. `without` is a line that is left out, to see what it is for.
    """

    def __init__(
        self, folder: Path, *servers: Server, file: str = "nginx.conf", path: str = "",
        without: str = "",
    ) -> None:  # fmt: skip
        self.folder = folder
        self.nginx = needs_nginx()
        self.port, self.plain_port = free_port(), free_port()
        self.url = f"https://localhost:{self.port}{path}"
        self.path = path
        self.certificate = folder / "certificate.pem"
        subprocess.run([*CERTIFICATE, "-keyout", folder / "key.pem", "-out", self.certificate],
                       check=True, capture_output=True)  # fmt: skip
        text = self._configuration(file, servers)
        assert without in text, f"{file} has no {without!r}"
        text = text.replace(without, "") if without else text
        (folder / "chat.conf").write_text(text, encoding="utf-8")
        user = "user root;" if os.geteuid() == 0 else ""
        frame = FRAME.format(folder=folder, user=user)
        (folder / "nginx.conf").write_text(frame, encoding="utf-8")

    def start(self) -> "Front":
        """Start nginx. The command returns when nginx is listening."""
        self._run()
        return self

    def stop(self) -> None:
        self._run("-s", "stop")

    def log(self) -> str:
        """Return nginx's log of the requests."""
        return (self.folder / "chat.log").read_text(encoding="utf-8")

    def _run(self, *words: str) -> None:
        command = [
            self.nginx,
            "-p",
            str(self.folder),
            "-c",
            str(self.folder / "nginx.conf"),
            *words,
        ]
        # Not into a pipe: nginx goes on in the background, and would hold the other end of it.
        done = subprocess.run(command, timeout=PATIENCE, stderr=subprocess.DEVNULL)
        assert done.returncode == 0, (self.folder / "error.log").read_text(encoding="utf-8")

    def _configuration(self, file: str, servers: Sequence[Server]) -> str:
        """Return a file of deploy/, adapted to this machine.

        It must contain every name that is replaced.
        """
        text = (DEPLOY / file).read_text(encoding="utf-8")
        host = "example.org" if file == "nginx-below.conf" else "chat.example.org"
        changes = {
            f"/etc/letsencrypt/live/{host}/fullchain.pem": str(self.certificate),
            f"/etc/letsencrypt/live/{host}/privkey.pem": str(self.folder / "key.pem"),
            f"server_name {host};": "server_name localhost;",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
        }
        if file == "nginx-workers.conf":
            processes = re.findall(r" *server 127\.0\.0\.1:50\d\d .*;\n", text)
            assert len(processes) >= len(servers)
            text = text.replace("".join(processes), "".join(processes[: len(servers)]))
            for line, server in zip(processes, servers, strict=False):
                changes[line] = re.sub(r":\d+", f":{server.port}", line)
        else:
            changes["127.0.0.1:5000"] = f"127.0.0.1:{servers[0].port}"
        if file != "nginx-below.conf":
            changes["listen 80;"] = f"listen 127.0.0.1:{self.plain_port};"
            changes["/var/log/nginx/chat.log"] = str(self.folder / "chat.log")
        for there, instead in changes.items():
            assert there in text, f"{file} has no {there!r}"
            text = text.replace(there, instead)
        return text


class OneThreadAtATime(ssl.SSLSocket):
    """A TLS socket for a thread that reads and another one that writes.

    OpenSSL allows only one of them at a time. Otherwise, with Python 3.11.7, the Socket.IO client loses
    its first packet on about one of 16 connections through nginx with TLS, and on none without TLS.
    """

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        while True:
            with _alone, self._impatient() as timeout:
                try:
                    return super().recv(buflen, flags)
                except ssl.SSLWantReadError:
                    pass
            if not select.select([self], [], [], timeout)[0]:
                raise TimeoutError

    def send(self, data: Any, flags: int = 0) -> int:
        with _alone:
            return super().send(data, flags)

    @contextmanager
    def _impatient(self) -> Iterator[float | None]:
        """Do not wait within this block. Yield the timeout that holds outside."""
        timeout = self.gettimeout()
        self.settimeout(0)
        try:
            yield timeout
        finally:
            self.settimeout(timeout)


class Visitor(Person):
    """Somebody who connects through nginx and trusts its certificate."""

    def __init__(self, front: Front, name: str) -> None:
        super().__init__(front, name)  # type: ignore[arg-type]
        self.front = front
        self.http.verify = str(front.certificate)
        # Browsers send it; under https the CSRF check asks for it.
        self.http.headers["Referer"] = f"{front.url}/"

    def connect(self, transport: str = "websocket") -> dict[str, Any]:
        tls = ssl.create_default_context(cafile=str(self.front.certificate))
        tls.sslsocket_class = OneThreadAtATime
        self.socket = in_order.Client(
            reconnection=False, http_session=self.http,
            websocket_extra_options={"sslopt": {"context": tls}},
        )  # fmt: skip
        self.socket.on("*", lambda event, data=None: self._heard.put((event, data)))
        self.socket.on("disconnect", lambda reason=None: self._heard.put(("disconnect", reason)))
        self.socket.connect(
            self.front.url, transports=[transport], socketio_path=f"{self.front.path}/socket.io",
            wait_timeout=PATIENCE,
        )  # fmt: skip
        welcome: dict[str, Any] = self.hear("welcome")
        self.id = int(welcome["me"]["id"])
        return welcome


def origin(front: Front) -> str:
    """Return the Origin header that a browser would send."""
    return f"https://localhost:{front.port}"


def free_port() -> int:
    """Return a port that no client gets by chance, because nginx opens it only a moment later."""
    return run.free_port(random.randrange(20_000, 30_000))[0]
