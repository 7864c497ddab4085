"""A plugin that pytest loads before all others: it leaves out an import that takes four seconds.

nbval imports jsonschema, and that imports `rfc3987_syntax` where it is installed (JupyterLab brings
it), which compiles 39 grammars to check international addresses. No notebook's schema has any.
"""

import sys

sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # jsonschema does without it
