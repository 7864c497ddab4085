"""The finished application as a stage, so that the tests can check the steps' promises on it."""

from pathlib import Path

from tests.final_app.rig import Server
from workshop import paths
from workshop.stages import Stage


class Finished(Stage):
    """`python -m final_app` as a child process, which people use in the way of `final_app`."""

    def __init__(self, data: Path) -> None:
        super().__init__("final_app", paths.ROOT / "final_app", "", data=data)
        self.server = Server(data, CHAT_OPEN_REGISTRATION="1")  # the steps have no invites

    @property
    def log(self) -> str:
        return "\n".join(self.server.log)

    def start(self) -> None:
        self.server.start()
        self.port = self.server.port

    def stop(self) -> None:
        self.server.stop()
