"""How Sphinx builds these pages; `make docs` writes docs/_build/html."""

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

# Pages are found by pattern, so a section whose pages are not written yet is empty rather than wrong.
suppress_warnings = ["toc.empty_glob"]
nitpicky = True
