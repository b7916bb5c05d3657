"""The pages that people read first: short where they must be, without a broken link."""

import re
import sys
from pathlib import Path

import pytest

from genima_lite import policies
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.bench import perturbations
from genima_lite.evaluation.rollout import evaluate
from genima_lite.policies.api import PolicyFactory
from genima_lite.targets.views import draw_targets

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "data").rglob("*.md")),
    *(ROOT / "notebooks/README.md", ROOT / "solutions/README.md"),
]
# Written in parts, so that this file does not hold what it looks for.
BANNED = re.compile("|".join(("sess" + "ion", "/wo" + "rk/", "/t" + "mp/")), re.IGNORECASE)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`((?:genima_lite|benchmarks|scripts|tests)/[\w./]*)`")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+?)\s*$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Return a page's relative links to files or headings that do not exist."""
    links = LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return [link for link in links if ":" not in link and not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    """Return whether a relative link's file, and its heading if it names one, exist."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text(encoding="utf-8"))


def test_the_front_page_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 160


@pages
def test_relative_links_lead_to_a_file_and_a_heading(page):
    assert broken_links(page) == []


@pages
def test_files_named_in_the_text_exist(page):
    named = NAMED_FILE.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pages
def test_no_page_speaks_of_where_it_was_written(page):
    assert BANNED.findall(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("link", ["nowhere.md", "#no-heading", "other.md#no-heading"])
def test_a_broken_link_is_found(link, tmp_path):
    (tmp_path / "other.md").write_text("# One heading\n")
    good = "[a](other.md) [b](other.md#one-heading) [c](#does-it-work) [d](https://example.org/x)"
    page = tmp_path / "page.md"
    code = "```\n[in code](nowhere.md)\n```"
    page.write_text(f"# Does it *work*?\n\n{good}\n\n{code}\n\n[x]({link})\n")
    assert broken_links(page) == [link]


def test_every_card_names_its_recipe():
    cards = {"act": "act", "mini-turbo": "mini-turbo"}
    cards |= {"genima/diffusion": "shipped", "genima/controller": "shipped"}
    for folder, recipe in cards.items():
        text = (ROOT / "data" / folder / "README.md").read_text(encoding="utf-8")
        assert re.search(rf"`recipe: {recipe}, version \d+`", text), folder


def examples(page: str) -> list[str]:
    """Return the Python code on a page of docs/."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def example(page: str) -> str:
    """Return the only Python code on a page of docs/."""
    (code,) = examples(page)
    return code


def test_the_example_of_a_perturbation_makes_the_scene_paler(tmp_path, monkeypatch):
    use, fog, chest = examples("add-a-perturbation.md")
    exec(chest, {})
    made: dict = {}
    exec(use, made)
    assert made["info"]["perturbations"] == ("camera_pose", "light")
    (tmp_path / "fog.py").write_text(fog)
    monkeypatch.setattr(perturbations, "__path__", [*perturbations.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "genima_lite.envs.bench.perturbations.fog", raising=False)
    brightness = {}
    for names in ((), ("fog",)):
        env = make_env(EnvSpec("push_button", ("front",), 32, perturbations=names))
        env.reset(seed=1)
        brightness[names] = env.observation.image("front").mean()
    assert brightness["fog",] > brightness[()] + 5


def test_the_example_of_a_policy_stands_still(tmp_path, monkeypatch):
    (tmp_path / "hold_still.py").write_text(example("add-a-policy.md"))
    monkeypatch.setattr(policies, "__path__", [*policies.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "genima_lite.policies.hold_still", raising=False)
    (result,) = evaluate(PolicyFactory("hold_still"), ["push_button"], 1, 7)
    assert (result.success, result.steps, result.error) == (False, 200, None)


def test_the_example_of_a_backend_is_evaluated_collected_and_drawn(tmp_path, monkeypatch):
    (tmp_path / "robots_of_docs").mkdir()
    (tmp_path / "robots_of_docs/my_robot.py").write_text(example("add-a-backend.md"))
    monkeypatch.syspath_prepend(str(tmp_path))
    backend = "robots_of_docs.my_robot"
    results = list(evaluate(PolicyFactory("expert", backend=backend), ["go_there"], 4, 7))
    assert [(each.success, each.steps) for each in results] == [(True, 20)] * 4
    chance = list(evaluate(PolicyFactory("random", backend=backend), ["go_there"], 1, 7))
    assert [(each.success, each.steps) for each in chance] == [(False, 60)]
    list(collect(tmp_path / "set", ["go_there"], 2, CollectSettings(0, 64, backend=backend)))
    assert inspect_dataset(tmp_path / "set")["problems"] == []
    demo = read_episode(next(iterate_episodes(tmp_path / "set")).path)
    assert (draw_targets(demo, 0).views["front"] != 128).any()
