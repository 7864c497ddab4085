"""The chat of step 16, with three features that somebody added in a hurry."""

import extras
from step_16 import app, socketio

extras.init_app(app, socketio)
