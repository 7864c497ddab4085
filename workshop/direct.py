"""Importing this module prevents clients from using a proxy for stages, which are on this machine.

Python's HTTP clients, including python-socketio's client, use HTTP_PROXY even for 127.0.0.1, unless
NO_PROXY contains this address.
"""

import os

HERE = ("127.0.0.1", "localhost")

for variable in ("NO_PROXY", "no_proxy"):
    named = [host for host in os.environ.get(variable, "").split(",") if host]
    os.environ[variable] = ",".join([*named, *(host for host in HERE if host not in named)])
