"""Notebooks in JupyterLab, in a real browser: run all, move a slider by keyboard."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("jupyterlab")

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("02_rendering_joint_targets",)
if os.environ.get("BROWSER_ALL"):  # minutes each: before a release, not in every run of the tests
    NAMES += ("04_controlnet", "08_robustness_and_rlbench")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium"),
]
STATUS = ".jp-Notebook-ExecutionIndicator[data-status"


@pytest.fixture(params=NAMES)
def address(request, tmp_path):
    """A JupyterLab on the solved notebook; its address."""
    name = f"{request.param}.ipynb"
    (tmp_path / "work").mkdir()
    shutil.copy(ROOT / "solutions" / name, tmp_path / "work")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"HOME": str(tmp_path), "GENIMA_FAST": "1", "JUPYTER_CONFIG_DIR": str(tmp_path / "c")}
    words = ["--no-browser", f"--port={port}", "--IdentityProvider.token=t", "--allow-root"]
    log = tmp_path / "lab.log"
    with log.open("w") as out:
        lab = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *words, f"--ServerApp.root_dir={tmp_path}/work"],
            env={**os.environ, **own},
            stdout=out,
            stderr=out,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token=t", lab, log)
        yield f"http://127.0.0.1:{port}/lab/tree/{name}?token=t"
    finally:
        lab.terminate()
        lab.wait(20)


def _wait_for(url, process, log, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture
def page():
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1300, "height": 1500})
        browser.close()


def _menu(page, *names):
    page.locator(".lm-MenuBar-itemLabel", has_text=names[0]).first.click()
    page.locator(".lm-Menu-itemLabel", has_text=names[1]).first.click()


def _run_all(page):
    """Run all cells; a kernel that has just started may not listen yet, so try again."""
    for _ in range(4):
        _menu(page, "Run", "Run All Cells")
        try:
            page.wait_for_selector(f"{STATUS}='busy']", timeout=10_000)
        except playwright.TimeoutError:
            if (proposed := page.locator(".jp-Dialog .jp-mod-accept")).count():
                proposed.click()  # asked for a kernel: the one that JupyterLab proposes
        else:
            return
    pytest.fail("the kernel never got busy")


def _scroll_to(page, what):
    """Return what a notebook shows, scrolling down: it draws only the cells in view."""
    found = page.locator(what).first
    for _ in range(60):
        if found.count():
            break
        page.mouse.move(650, 800)
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(250)
    found.scroll_into_view_if_needed()
    return found


@pytest.mark.parametrize("address", NAMES[:1], indirect=True)
def test_stored_pictures_of_a_notebook_that_is_not_trusted_have_a_text(address, page):
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    picture = _scroll_to(page, ".jp-OutputArea-output img[src^='data:image/png']")
    assert len(picture.get_attribute("alt")) > 10
    assert picture.evaluate("image => image.naturalWidth") > 100
    if kept := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(kept) / "picture_in_jupyterlab.png")


def test_run_all_and_move_a_slider_by_keyboard(address, page, tmp_path):
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    page.get_by_text("(ipykernel) | Idle").wait_for(timeout=60_000)
    _run_all(page)
    page.wait_for_selector(f"{STATUS}='idle']", timeout=400_000)
    handle = _scroll_to(page, ".noUi-handle")
    image = page.locator(".jp-OutputArea img.widget-image").first
    image.wait_for(timeout=30_000)
    before = image.get_attribute("src")
    handle.focus()
    at_its_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    for _ in range(10):
        page.keyboard.press("ArrowLeft" if at_its_end else "ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('.jp-OutputArea img.widget-image').src !== before",
        arg=before,
        timeout=30_000,
    )
    picture = tmp_path / "lab.png"
    page.screenshot(path=picture)
    if kept := os.environ.get("SCREENSHOTS"):
        number = address.rpartition("/")[2][:2]
        shutil.copy(picture, Path(kept) / f"notebook_{number}_in_jupyterlab.png")
    assert page.locator(".jp-RenderedText[data-mime-type*='stderr'] .ansi-red-fg").count() == 0
