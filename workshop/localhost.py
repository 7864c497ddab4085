"""`python -m workshop.localhost`: start JupyterLab so that it shows its address only as `localhost`.

Otherwise, JupyterLab would also print an address with 127.0.0.1. If you opened that address, the browser
would treat the live pages as another site, and would not send their cookies (`workshop.embed`).
"""

from jupyter_server.serverapp import ServerApp
from jupyterlab.labapp import LabApp  # type: ignore[import-untyped]


class Server(ServerApp):
    @property
    def local_url(self) -> str:
        """The second address, which JupyterLab prints only if it differs from the first."""
        return str(self.public_url)


if __name__ == "__main__":
    LabApp.serverapp_class = Server
    LabApp.launch_instance()
