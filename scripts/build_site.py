"""Build the course's site into build/site: `make docs`. Pages of docs/, notebooks as they are."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def gather(pages: Path) -> None:
    """Copy docs/ and the students' notebooks, with their stored outputs, to one folder."""
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages)
    (pages / "notebooks").mkdir()
    for notebook in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        shutil.copy(notebook, pages / "notebooks")


def build(pages: Path, site: Path) -> int:
    """Make the site of gathered pages; a warning, such as a broken link, is an error."""
    words = ["-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(pages), str(site)]
    return subprocess.run([sys.executable, *words], check=False).returncode


def main() -> int:
    pages, site = ROOT / "build/pages", ROOT / "build/site"
    gather(pages)
    if code := build(pages, site):
        return code
    print(f"open {site / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
