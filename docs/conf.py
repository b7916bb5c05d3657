"""The course as a site: `make docs` builds it into build/site, with the notebooks' outputs."""

project = "genima-lite"
author = "The genima-lite authors"
copyright = author
extensions = ["myst_nb"]
highlight_language = "text"  # of blocks that name no language
html_theme = "furo"
html_title = "genima-lite"
nb_execution_mode = "off"  # pages show the outputs that are committed
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3  # links to headings, named as GitHub names them
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]
