"""Collection: same seed same files, killed and resumed, replayed, refused."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from genima_lite import cli, panda
from genima_lite.demos import collect as collection
from genima_lite.demos.collect import CollectSettings, collect, plan_jobs
from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.layout import DatasetError, iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.demos.replay import replay
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.tasks.push_button import PushButton
from genima_lite.errors import UserError

SAMPLE = Path(__file__).parent / "data/sample_rlbench"
SMALL = CollectSettings(seed=3, image_size=16)


def contents(root):
    """Return a digest of every file below a folder, by relative path."""
    files = (p for p in Path(root).rglob("*") if p.is_file() and ".partial" not in p.parts)
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def run(root, episodes=3, workers=1, settings=SMALL):
    return list(collect(root, ["push_button"], episodes, settings, workers))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("demos") / "set"
    run(root)
    return root


def test_two_runs_and_two_workers_give_the_same_files(dataset, tmp_path):
    run(tmp_path / "workers", workers=2)
    assert contents(tmp_path / "workers") == contents(dataset)
    other = CollectSettings(seed=4, image_size=16)
    run(tmp_path / "other", settings=other)
    assert contents(tmp_path / "other") != contents(dataset)


def test_nothing_is_done_twice_and_a_larger_set_extends_a_smaller_one(dataset, tmp_path):
    run(tmp_path / "set", episodes=2)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "set").rglob("*.png")}
    results = run(tmp_path / "set")
    assert [result is None for result in results] == [True, True, False]
    assert all(p.stat().st_mtime_ns == when for p, when in before.items())
    assert contents(tmp_path / "set") == contents(dataset)


@pytest.mark.slow
def test_killed_at_any_moment_it_finishes_on_the_second_start(dataset, tmp_path):
    words = ["collect", "--tasks", "push_button", "--episodes", "3", "--seed", "3"]
    words += ["--image-size", "16", "--out", str(tmp_path / "set")]
    program = [sys.executable, "-c", "from genima_lite.cli import main; main()", *words]
    for episodes_seen in (0, 1):
        process = subprocess.Popen(program, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_for(lambda n=episodes_seen: building_after(tmp_path / "set", n))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for episode in iterate_episodes(tmp_path / "set") if episodes_seen else ():
            read_episode(episode.path, kinds=("rgb", "depth", "mask"))
    subprocess.run(program, check=True, stderr=subprocess.DEVNULL)
    assert contents(tmp_path / "set") == contents(dataset)


def building_after(root, episodes):
    """Whether an episode is being built while `episodes` are finished."""
    finished = len(list(root.glob("*/*/episodes/*")))
    return finished >= episodes and any(root.glob(".partial/*/*/*/*_rgb"))


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.002)


def test_what_is_written_is_whole_and_complete(dataset):
    report = inspect_dataset(dataset)
    assert report["problems"] == []
    assert report["episodes"] == 3
    assert report["fields"]["missing"] == []
    assert len(report["images"]) == 15


def test_a_demo_holds_the_commands_and_their_effect(dataset):
    demo = read_episode(next(iterate_episodes(dataset)).path)
    assert 40 <= len(demo) <= 151
    reached = np.stack([obs.joint_positions for obs in demo])[1:]
    np.testing.assert_allclose(demo.actions()[:, :7], reached, atol=0.02)
    assert demo.random_seed[0] == "MT19937"
    np.random.RandomState().set_state(demo.random_seed)
    assert demo[0].misc.get("joint_position_action") is None


def test_replay_reaches_the_same_joint_angles(dataset):
    results = list(replay(dataset))
    assert len(results) == 3
    assert all(result.success for result in results)
    assert max(result.deviation for result in results) == 0.0


def test_replay_notices_changed_actions(dataset):
    episode = next(iterate_episodes(dataset))
    demo = read_episode(episode.path, kinds=())
    for obs in demo._observations[1:]:
        obs.misc["joint_position_action"][0] += 0.1
    env = BenchEnv(episode.task, cameras=())
    from genima_lite.demos.replay import replay_demo

    success, deviation = replay_demo(env, demo, episode.path)
    assert not success
    assert 0.09 < deviation < 0.15
    for obs in demo._observations[1:]:
        obs.misc["joint_position_action"][:7] = panda.HOME
    with pytest.raises(DatasetError, match="do actions and frames belong together"):
        replay_demo(env, demo, episode.path)


def test_foreign_demonstrations_cannot_be_replayed(tmp_path):
    import shutil

    shutil.copytree(SAMPLE / "open_box", tmp_path / "push_button")
    with pytest.raises(DatasetError, match=r"episode0.*scene_state\.json"):
        list(replay(tmp_path))


def test_jobs_are_dealt_round_the_variations():
    jobs = plan_jobs(["push_button"], 5, CollectSettings(variations=(2, 7)))
    assert [(j.variation, j.episode) for j in jobs] == [(2, 0), (7, 0), (2, 1), (7, 1), (2, 2)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plan_jobs(["nothing"], 1, SMALL), "unknown task 'nothing'"),
        (lambda: plan_jobs(["push_button"], 1, CollectSettings(variations=(18,))), "variation 18"),
        (lambda: plan_jobs(["push_button"] * 2, 1, SMALL), "name each once"),
        (lambda: plan_jobs(["push_button"], 10**9, SMALL), "give 1 to 1000000"),
        (lambda: CollectSettings(seed=-1), "seed is -1"),
        (lambda: CollectSettings(variations=()), "variations is empty"),
    ],
)
def test_impossible_settings_are_named(call, words):
    with pytest.raises(UserError, match=words):
        call()


def test_sentences_for_an_unknown_task_are_refused_before_any_episode(tmp_path):
    (tmp_path / "more.json").write_text('{"push_buton": [["press it"]]}')
    settings = CollectSettings(sentences=str(tmp_path / "more.json"))
    with pytest.raises(UserError, match="did you mean 'push_button'"):
        plan_jobs(["push_button"], 1, settings)


def test_what_a_link_leads_to_is_not_emptied(tmp_path):
    precious = tmp_path / "mine/photos/a.png"
    precious.parent.mkdir(parents=True)
    precious.touch()
    (tmp_path / "set/.partial").mkdir(parents=True)
    (tmp_path / "set/.partial/push_button").symlink_to(tmp_path / "mine")
    with pytest.raises(UserError, match="a link to another folder"):
        next(collect(tmp_path / "set", ["push_button"], 1, SMALL))
    assert precious.exists()


def test_a_folder_of_other_settings_is_refused_and_untouched(dataset):
    before = contents(dataset)
    with pytest.raises(UserError, match=r"image_size = 16, not 32"):
        run(dataset, settings=CollectSettings(seed=3, image_size=32))
    assert contents(dataset) == before


def test_a_folder_of_somebody_elses_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match="not empty"):
        run(tmp_path)


def test_seeds_that_the_expert_cannot_solve_are_reported(tmp_path, monkeypatch):
    real, seen = collection.record_demo, []

    def fails_first(env, seed, *rest):
        seen.append(seed)
        return None if len(seen) == 1 else real(env, seed, *rest)

    monkeypatch.setattr(collection, "record_demo", fails_first)
    (result,) = run(tmp_path / "set", episodes=1)
    assert result.unsolved_seeds == (seen[0],)
    assert (
        read_episode(next(iterate_episodes(tmp_path / "set")).path).scene_state["seed"] == seen[1]
    )


def test_an_expert_that_never_succeeds_ends_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(PushButton, "success", lambda self, scene: False)
    with pytest.raises(UserError, match=r"expert failed on task 'push_button', variation 0"):
        run(tmp_path / "set", episodes=1)
    assert not list((tmp_path / "set").glob("push_button/*/episodes/*"))


def test_the_commands_end_with_the_right_exit_code(dataset, tmp_path, monkeypatch, capsys):
    def command(*words):
        monkeypatch.setattr(sys, "argv", ["genima-lite", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code

    assert command("replay", dataset) == 0
    assert "3 of 3 succeed" in capsys.readouterr().out
    assert command("inspect", dataset, "--json") == 0
    next(Path(dataset).rglob("front_rgb/1.png")).write_bytes(b"")
    assert command("inspect", dataset) == 1
    assert "front_rgb/1.png" in capsys.readouterr().out
    assert command("inspect", tmp_path / "nowhere") == 2
