"""A plugin that pytest loads before all others, to prevent an import that takes four seconds.

nbval imports jsonschema, which imports `rfc3987_syntax` if it is installed (JupyterLab installs
it). This package compiles 39 grammars to check international addresses, but no notebook's schema
has such an address.
"""

import sys

sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # jsonschema does without it
