"""What a browser would read out of a page."""

from html.parser import HTMLParser


class _Pictures(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag in ("img", "video"):
            self.found.append(said.get("alt" if tag == "img" else "aria-label") or "")


def pictures(html: str) -> list[str]:
    """Return what is said of each picture and film of a page; "" if nothing is."""
    parser = _Pictures()
    parser.feed(html)
    return parser.found
