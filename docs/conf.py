"""The course as a site: `make docs` builds it into build/site, with the notebooks' outputs."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

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
html_math_renderer = "mathml"


def write_math(translator: Any, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML, which browsers show by themselves, also without internet."""
    if isinstance(node, nodes.math_block):
        formula = convert(node.astext(), display="block")
        translator.body.append(f'<div style="margin: 1em 0">{formula}</div>')
    else:
        translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Tell Sphinx of it."""
    app.add_html_math_renderer("mathml", (write_math, None), (write_math, None))
