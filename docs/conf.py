"""The docs site. `make docs` builds it into build/docs, and fails on any warning."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpctrain import __version__

project = "hpctrain"
author = project_copyright = "The hpctrain developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
# Links to headings as on a page of GitHub: docs/commands.md#status.
myst_heading_anchors = 4
nitpicky = False  # the classes of other projects, which would have to be fetched

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88

html_theme = "pydata_sphinx_theme"
html_title = f"hpctrain {version}"
html_show_sphinx = False
# All pages at the side of each: there are few, and no sections below them.
html_sidebars = {"**": ["pages.html"]}
templates_path = ["_templates"]
html_theme_options = {
    "navbar_center": [],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
