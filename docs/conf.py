"""How Sphinx builds these pages; `make docs` writes docs/_build/html."""

import logging
from importlib.metadata import version as installed

project = "zotplus"
author = "the zotplus authors"
copyright = "the zotplus authors"  # Sphinx reads this name
release = version = installed("zotplus")

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"zotplus {release}"

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

nitpicky = True

# Pages are found by pattern, so a section whose pages are not written yet is empty rather than wrong. Sphinx 9.0 gives
# this warning a subtype without a type, which `suppress_warnings` cannot name.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(lambda record: "glob pattern" not in str(record.msg))
