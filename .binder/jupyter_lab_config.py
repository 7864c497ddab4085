"""What `start.py` gives JupyterLab on the command line, for Binder, which has a command of its own."""

from workshop.lab import HERE

c = get_config()  # noqa: F821 - JupyterLab defines it
c.LabApp.app_settings_dir = str(HERE / "lab_settings")
c.LabApp.extra_labextensions_path = [str(HERE / "lab_extensions")]
