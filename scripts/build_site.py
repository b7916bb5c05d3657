"""Build the course's site into build/site: `make docs`. Pages of docs/, notebooks as they are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = "https://github.com/genima-lite/genima-lite/blob/main/"
GATHERED = ("notebooks/", "data/pictures/")
"""Folders of the repository that become part of the site, beside docs/."""


def gather(pages: Path) -> None:
    """Copy docs/, its pictures and the students' notebooks, with their outputs, to one folder."""
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages)
    shutil.copytree(ROOT / "data/pictures", pages / "data/pictures")
    (pages / "notebooks").mkdir()
    for notebook in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        still = with_stills(json.loads(notebook.read_text(encoding="utf-8")))
        (pages / "notebooks" / notebook.name).write_text(json.dumps(still), encoding="utf-8")
    for page in pages.glob("*.md"):
        page.write_text(site_links(page.read_text(encoding="utf-8")), encoding="utf-8")


def with_stills(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook with a picture for each widget: a page has no kernel to move one."""
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output["data"].pop("application/vnd.jupyter.widget-view+json", None)
    return notebook


def site_links(text: str) -> str:
    """Return a page of docs/ whose links out of docs/ lead to the site, or to the repository."""

    def moved(link: re.Match[str]) -> str:
        target = link[1]
        return f"]({target if target.startswith(GATHERED) else REPOSITORY + target}"

    return re.sub(r"\]\(\.\./([^)\s]+)", moved, text)


def build(pages: Path, site: Path) -> int:
    """Make the site of gathered pages; a warning, such as a broken link, is an error."""
    arguments = ["-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(pages), str(site)]
    return subprocess.run([sys.executable, *arguments], check=False).returncode


def main() -> int:
    pages, site = ROOT / "build/pages", ROOT / "build/site"
    gather(pages)
    if code := build(pages, site):
        return code
    print(f"open {site / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
