"""How Sphinx builds the documentation: `.venv/bin/sphinx-build -W docs docs/_build`."""

project = "Trueload"
author = "the Trueload authors"
copyright = "the Trueload authors"  # noqa: A001 - Sphinx's name

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "Trueload"
html_static_path = ["_static"]
html_css_files = ["narrow.css"]

# One parameter a line where a signature would not fit into one.
maximum_signature_line_length = 80

# `[...](errors.md#tl204)` leads to a heading, as on GitHub.
myst_heading_anchors = 3

# In docstrings, single backticks are code.
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
