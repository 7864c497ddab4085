"""`python -m workshop.localhost`: JupyterLab, which names itself `localhost` and nothing else.

JupyterLab would also print its address at 127.0.0.1. Opened there, it is another site to the browser
than the live pages, and their cookies are not sent (`workshop.embed`).
"""

from jupyter_server.serverapp import ServerApp
from jupyterlab.labapp import LabApp  # type: ignore[import-untyped]


class Server(ServerApp):
    @property
    def local_url(self) -> str:
        """The second address that is printed, unless it is the first again."""
        return str(self.public_url)


if __name__ == "__main__":
    LabApp.serverapp_class = Server
    LabApp.launch_instance()
