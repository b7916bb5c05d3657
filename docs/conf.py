"""The course as a site: `make docs` builds it into build/site, with the notebooks' outputs."""

project = "genima-lite"
author = "The genima-lite authors"
extensions = ["myst_nb"]
html_theme = "furo"
html_title = "genima-lite"
nb_execution_mode = "off"  # pages show the outputs that are committed
myst_enable_extensions = ["dollarmath", "amsmath"]
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]
