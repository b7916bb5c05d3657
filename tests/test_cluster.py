"""Work on a Ray cluster of two nodes, one of which is killed half-way."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.errors import UserError
from genima_lite.evaluation import on_cluster
from genima_lite.evaluation.command import Evaluation
from genima_lite.evaluation.on_cluster import run_jobs

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_raylet_start_wait_time_s", "240")  # read when Ray is imported

try:
    import ray
    from ray.cluster_utils import Cluster
except ModuleNotFoundError:
    ray = None

TASK = "push_button"
SETTINGS = CollectSettings(image_size=16)
needs_ray = [pytest.mark.ray, pytest.mark.skipif(ray is None, reason="ray is not installed")]


def digests(root: Path):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def cluster():
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    other = made.add_node(num_cpus=1)
    made.wait_for_nodes()
    ray.init(address=made.address, log_to_driver=False)
    yield made, other
    ray.shutdown()
    made.shutdown()


@pytest.mark.parametrize("_", [pytest.param(None, marks=needs_ray)])
def test_a_node_that_is_killed_half_way_changes_nothing(_, cluster, tmp_path):
    made, other = cluster
    results = []
    for number, each in enumerate(collect(tmp_path / "a", [TASK], 6, SETTINGS, 1, made.address)):
        results.append(each)
        if number == 1:
            made.remove_node(other, allow_graceful=False)
    assert len(results) == 6
    assert len({each.job for each in results}) == 6, "nothing is counted twice"
    list(collect(tmp_path / "b", [TASK], 6, SETTINGS))
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def results(folder: Path, address=None, each=lambda number: None) -> dict:
    """Return an evaluation's document without what a clock says; `each` is told of episodes."""
    config = Evaluation("expert", ("push_button", "lamp_on"), 3, json=folder / "results.json")
    with config.keeping() as store:
        if address is not None:
            for number, _ in enumerate(run_jobs(config.missing(store), address)):
                each(number)
        list(config.write(config.document(list(config.run(store)), "")))
    document = json.loads((folder / "results.json").read_text())
    for episode in document["episodes"]:
        del episode["seconds"]
    return document


@pytest.mark.parametrize("_", [pytest.param(None, marks=needs_ray)])
def test_an_evaluation_whose_node_is_killed_has_the_same_results(_, cluster, tmp_path):
    made, other = cluster
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    def kill(number: int) -> None:
        if number == 1:
            made.remove_node(other, allow_graceful=False)

    assert results(tmp_path / "a", made.address, kill) == results(tmp_path / "b")


def test_episodes_that_jobs_ran_are_those_of_an_evaluation(tmp_path, monkeypatch):
    jobs = []

    def here(work, todo, address):
        for job in reversed(todo):  # in any order
            jobs.append(job.number)
            yield work(job)

    monkeypatch.setattr(on_cluster, "each_on_cluster", here)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert results(tmp_path / "a", "anywhere") == results(tmp_path / "b")
    assert jobs == [2, 1, 0, 2, 1, 0]


def test_a_cluster_without_a_place_for_results_is_refused():
    with pytest.raises(UserError, match="json or report"):
        Evaluation("expert", ("push_button",)).missing(None)


def test_without_ray_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises((UserError, ModuleNotFoundError), match="ray"):
        list(collect(tmp_path, [TASK], 1, SETTINGS, 1, "auto"))
