"""Importing this keeps a machine's proxy out of the way: stages are on this machine.

Python's HTTP clients, python-socketio's too, send even 127.0.0.1 to HTTP_PROXY unless NO_PROXY
names it.
"""

import os

HERE = ("127.0.0.1", "localhost")

for variable in ("NO_PROXY", "no_proxy"):
    named = [host for host in os.environ.get(variable, "").split(",") if host]
    os.environ[variable] = ",".join([*named, *(host for host in HERE if host not in named)])
