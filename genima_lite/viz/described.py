"""Pictures in notebooks together with what they show, for those who do not see them.

A picture is shown as HTML: JupyterLab and nbconvert's pages give a bare PNG no alternative text,
whatever its metadata say.
"""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ipywidgets


def picture_html(png: bytes, alt: str) -> str:
    """Return a PNG file as an HTML image with its alternative text."""
    data = base64.b64encode(png).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}">'


def show_widget(box: Any, image: ipywidgets.Image, alt: str) -> None:
    """Show a widget where one can, else the picture that is in it.

    Args:
        box: the widget.
        image: in it.
        alt: what it shows, for those who do not see it; a live widget says it in its line of text.
    """
    from IPython.display import display

    bundle = box._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    display({**data, "text/html": picture_html(image.value, alt)}, raw=True)
