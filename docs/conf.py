"""How Sphinx builds the site: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

import sim

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "ttirace"
author = "The ttirace developers"
release = sim.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "scenario_keys",
]
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = "ttirace"
html_show_copyright = False
html_domain_indices = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"
napoleon_use_ivar = True
nitpicky = False
