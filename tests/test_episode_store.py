"""Evaluations are kept episode by episode, go on where they stopped, and are read with checks."""

import io
import json
import shutil
import zipfile
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from genima_lite import arrays, files
from genima_lite.errors import UserError
from genima_lite.evaluation.command import Evaluation
from genima_lite.evaluation.episode_store import EpisodeStore
from genima_lite.evaluation.recording import RecordedStep, Recorder, Recording
from genima_lite.evaluation.rollout import evaluate
from genima_lite.policies.api import PolicyFactory, PolicySettings

FAKE, TASK = "tests.fake_env", "go_there"
MAKE = PolicyFactory("expert", backend=FAKE)


def run(store, episodes=3, make=MAKE, seed=7, recorder=None):
    kept = store.task(make, TASK, seed)
    return evaluate(make, [TASK], episodes, seed, recorder, kept=lambda _: kept)


def counted(monkeypatch):
    """Return the numbers of steps of the episodes that are really run."""
    from genima_lite.evaluation import rollout

    real, seen = rollout.run_episode, []

    def counts(env, policy, seed, *rest):
        seen.append(seed)
        return real(env, policy, seed, *rest)

    monkeypatch.setattr(rollout, "run_episode", counts)
    return seen


def test_an_evaluation_goes_on_after_the_last_whole_episode(tmp_path, monkeypatch):
    seen, store = counted(monkeypatch), EpisodeStore(tmp_path)
    begun = run(store)
    first = [next(begun), next(begun)]
    begun.close()
    assert len(store) == 2
    results = list(run(store))
    assert results[:2] == first
    assert seen == [15, 17, 19]
    assert list(run(store, episodes=4))[:3] == results
    assert seen == [15, 17, 19, 21]
    assert store.load("expert", TASK, 3) == (results, [])
    with pytest.raises(UserError, match="4 of 5 episodes"):
        store.load("expert", TASK, 5)


def test_other_settings_are_refused_by_name(tmp_path):
    store = EpisodeStore(tmp_path)
    list(run(store, 1))
    with pytest.raises(UserError, match="seed = 7, not 8"):
        list(run(store, 1, seed=8))
    other = PolicyFactory("expert", PolicySettings(n_action_steps=2), FAKE)
    with pytest.raises(UserError, match="n_action_steps"):
        list(run(store, 1, other))


def test_recordings_come_back_and_a_failure_is_recorded_once(tmp_path, monkeypatch):
    seen, store = counted(monkeypatch), EpisodeStore(tmp_path)
    make = PolicyFactory("random", backend=FAKE)
    first, again = Recorder("random", each=1), Recorder("random", each=1)
    results = list(run(store, 3, make, recorder=first))
    assert seen == [15, 17, 19, 17], "the first failure once more, for its recording"
    assert list(run(store, 3, make, recorder=again)) == results
    assert seen == [15, 17, 19, 17]
    assert [each.result.seed for each in again.recordings] == [15, 17]
    assert [each.instruction for each in again.recordings] == [
        each.instruction for each in first.recordings
    ]


def test_every_array_of_a_recording_comes_back(tmp_path):
    store = EpisodeStore(tmp_path)
    (result,) = run(store, 1)
    view = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    steps = [RecordedStep(0, {"front": view}, {"front": view + 1}, None)]
    recording = Recording("expert", result, "go", steps, b"film", view + 2)
    store.task(MAKE, TASK, 7).keep(0, result, recording)
    _, (found,) = store.load("expert", TASK, 1)
    assert (found.film, found.instruction, found.steps[0].true) == (b"film", "go", None)
    np.testing.assert_array_equal(found.steps[0].drawn["front"], view + 1)
    np.testing.assert_array_equal(found.last, view + 2)


def test_a_recording_of_another_episode_is_refused(tmp_path):
    store = EpisodeStore(tmp_path)
    first, second = run(store, 2)
    kept = store.task(MAKE, TASK, 7)
    kept.keep(0, first, Recording("expert", second, "go", [], None, None))
    with pytest.raises(UserError, match=r"00000\.npz: recorded of another episode than 0"):
        store.load("expert", TASK, 2)


def test_an_episode_in_the_place_of_another_is_refused(tmp_path):
    store = EpisodeStore(tmp_path)
    list(run(store, 2))
    folder = tmp_path / "expert" / TASK
    shutil.copy(folder / "00000.json", folder / "00001.json")
    with pytest.raises(UserError, match=r"number 1 is another episode; delete it"):
        store.load("expert", TASK, 2)


def test_an_error_that_was_kept_is_no_result(tmp_path):
    store = EpisodeStore(tmp_path)
    (result,) = run(store, 1)
    store.task(MAKE, TASK, 7).keep(1, replace(result, error="gone"))
    with pytest.raises(UserError, match=r"00001\.json: ended with an error"):
        list(run(store, 2))


def _npz(path, header=None, **arrays):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, array, allow_pickle=True)
            content = stream.getvalue()
            file.writestr(f"{name}.npy", content.replace(*header) if header else content)


@pytest.mark.parametrize("cut", [0, 5, -30])
def test_broken_files_of_arrays_are_refused(tmp_path, cut):
    _npz(tmp_path / "a.npz", a=np.arange(100))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:cut])
    with pytest.raises(UserError, match=r"a\.npz: broken"):
        arrays.read_npz(tmp_path / "a.npz")


def test_arrays_that_are_not_what_they_say_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    _npz(path, a=np.array([{}], object))
    with pytest.raises(UserError, match="no array of numbers"):
        arrays.read_npz(path)
    _npz(path, header=(b"(100,)", b"(10**9,)"), a=np.arange(100))
    with pytest.raises(UserError, match="broken"):
        arrays.read_npz(path)
    _npz(path, header=(b"(100,), }  ", b"(9999999,)}"), a=np.arange(100))
    with pytest.raises(UserError, match="broken"):
        arrays.read_npz(path)
    _npz(path, a=np.zeros(10**6, np.uint8))
    with pytest.raises(UserError, match="more than 2000 bytes"):
        arrays.read_npz(path, 2000)
    _npz(path, a=np.zeros(80 << 20, np.uint8))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UserError, match="more than .* bytes of arrays"):
        arrays.read_npz(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [("{}", "required field `task`"), ("[", "not readable as JSON"), ('{"task": 3}', "task")],
)
def test_a_broken_episode_is_refused_by_name(tmp_path, content, words):
    store = EpisodeStore(tmp_path)
    list(run(store, 1))
    (tmp_path / "expert" / TASK / "00000.json").write_text(content)
    with pytest.raises(UserError, match=words):
        list(run(store, 1))


def evaluation(tmp_path, **more):
    given = {"json": tmp_path / "r.json", "backend": FAKE, "episodes": 3, "seed": 7, **more}
    return Evaluation(tasks=(TASK,), **given)


def test_a_stopped_command_keeps_episodes_and_a_finished_one_no_crumbs(tmp_path, monkeypatch):
    config = evaluation(tmp_path)
    with suppress(KeyboardInterrupt), config.keeping() as store:
        next(config.run(store))
        raise KeyboardInterrupt
    assert len(store) == 1
    seen = counted(monkeypatch)
    with config.keeping() as store:
        results = list(config.run(store))
        list(config.write(config.document(results, "eval")))
    assert seen == [17, 19]
    assert [each["success"] for each in json.loads((tmp_path / "r.json").read_text())["episodes"]]
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_a_command_that_never_began_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), evaluation(tmp_path).keeping():
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"json": "."}, "a folder, not a file"),
        ({"json": "/dev/full"}, "a pipe, socket or device"),
        ({"json": "file/r.json"}, "is no folder"),
        ({"report": "file"}, "is no folder"),
        ({"demos": "nowhere", "report": "report"}, "no such folder"),
        ({"checkpoint": "x"}, "'expert' is not trained"),
        ({"ensemble": True}, "'expert' is not trained"),
    ],
)
def test_what_can_only_fail_later_is_refused_first(tmp_path, options, words):
    (tmp_path / "file").touch()
    places = {
        name: tmp_path / value if isinstance(value, str) else value
        for name, value in options.items()
    }
    with pytest.raises(UserError, match=words):
        evaluation(tmp_path, **places).check()


def test_an_ensemble_and_several_actions_contradict_each_other():
    with pytest.raises(UserError, match="decides at every step"):
        PolicySettings(n_action_steps=5, ensemble=True)
    assert PolicySettings(n_action_steps=1, ensemble=True).ensemble


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    """The disk is full when the second episode is written."""
    real, store = files._new_mode, EpisodeStore(tmp_path)

    def fails(path):
        if "00001" in path.name:
            raise OSError(28, "No space left on device", str(path))
        return real(path)

    monkeypatch.setattr(files, "_new_mode", fails)
    with pytest.raises(OSError, match=r"No space left on device: .*00001\.json"):
        list(run(store))
    monkeypatch.setattr(files, "_new_mode", real)
    assert len(store) == 1
    assert len(list(run(store))) == 3
    assert not list(tmp_path.rglob(".*"))
