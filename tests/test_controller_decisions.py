"""Perturbed states, DAgger rollouts and drawings as samples for a controller."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from tiny_controller import TINY_CONTROLLER

from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.decisions import (
    Artist,
    DecisionSettings,
    decision_rows,
    make_dagger,
    make_drawings,
    make_perturbed_states,
)
from genima_lite.controller.sources import DecisionSource
from genima_lite.datasets import shards
from genima_lite.datasets.demonstrations import decision_segments, decisions, recorded
from genima_lite.datasets.drawings import drawings
from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.datasets.shards import Shards
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.errors import UserError
from genima_lite.panda import HOME
from genima_lite.policies.api import Decision
from genima_lite.targets import draw_targets_of

RGB = ControllerConfig(
    image_size=32, channels=(8, 16), blocks=(1, 1), spheres=False, text_features=16
)
FOLLOWING = TINY_CONTROLLER
TASKS = ("press_switch", "push_button")
SETTINGS = DecisionSettings(TASKS, seed=2)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD", 4)
        list(make_perturbed_states(folder, RGB, SETTINGS, 8))
    return folder


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    root = tmp_path_factory.mktemp("demos")
    list(collect(root, ["push_button"], 2, CollectSettings(image_size=32)))
    return recorded([root])


class Inverts:
    """Draws the negative of what it sees, or something else with another number."""

    def __init__(self, lift=0):
        self.lift, self.asked = lift, []

    def draw(self, views, instruction, seed=0):
        self.asked.append((instruction, seed))
        return {name: 255 - view + np.uint8(self.lift) for name, view in views.items()}


def states(task, part, count=4, keyframes=False):
    env = make_env(EnvSpec(task, RGB.cameras, 32))
    config = PerturbedStates(seed=2, keyframes=keyframes)
    yield from perturbed_states(env, config, part, count)
    env.close()


def everything(kept, name):
    return kept.rows(range(len(kept)), name)


def test_rows_are_the_perturbed_states_and_actions_lead_towards_their_targets(folder):
    kept = Shards(folder)
    assert everything(kept, "views").shape == (8, 4, 32, 32, 3)
    for row, (demo, sentences) in enumerate(states("press_switch", part=0)):
        front = RGB.cameras.index("front")
        np.testing.assert_array_equal(kept.rows([row], "views")[0, front], demo[0].front_rgb)
        assert kept.strings("instruction")[row] in sentences
        way = demo.actions()
        actions, valid = kept.rows([row], "actions")[0], kept.rows([row], "valid")[0]
        np.testing.assert_allclose(actions[: len(way)], way[:20], atol=1e-9)
        assert valid[: len(way)].all()


def test_what_lies_behind_a_keyframe_is_learned_too(folder):
    """A segment of Genima's ends at the next keyframe, the baseline's 20 actions go on."""
    valid = everything(Shards(folder), "valid").sum(axis=1)
    pairs = [(task, part) for part, task in enumerate(TASKS)]
    lengths = [len(d) - 1 for task, part in pairs for d, _ in states(task, part, keyframes=True)]
    assert (valid >= np.minimum(lengths, 20)).all()
    assert (valid > lengths).any()


def test_samples_have_words_and_noise_on_the_joints_only(folder):
    kept = Shards(folder)
    source = DecisionSource(RGB, AugmentConfig(), kept)
    samples = source.sample(np.random.default_rng(0), 16)
    assert samples.drawn.views.shape == (16, 4, 32, 32, 3)
    assert all(samples.instructions)
    every = everything(kept, "actions")
    for i, actions in enumerate(samples.actions):
        row = int(np.argmin(np.abs(every - actions).sum(axis=(1, 2))))
        np.testing.assert_array_equal(every[row], actions)
        np.testing.assert_array_equal(kept.rows([row], "views")[0], samples.drawn.views[i])
        assert samples.instructions[i] == kept.strings("instruction")[row]
        assert 0 < np.abs(kept.rows([row], "joints")[0] - samples.joints[i]).max() < 0.1


def test_folders_of_earlier_runs_are_learned_from_as_well(folder, tmp_path):
    list(make_perturbed_states(tmp_path, RGB, replace(SETTINGS, seed=5), 4))
    source = DecisionSource(RGB, AugmentConfig(), Shards(folder), Shards(tmp_path, 3))
    assert len(source) == 8 + 3
    drawn = {each.tobytes() for each in source.sample(np.random.default_rng(0), 400).actions}
    both = [everything(Shards(folder), "actions"), everything(Shards(tmp_path, 3), "actions")]
    assert drawn == {each.tobytes() for some in both for each in some}


class Stays:
    """A policy that holds the arm where it is, and remembers what it saw."""

    def __init__(self):
        self.seen = []

    def reset(self, instruction, seed):
        pass

    def act(self, observation):
        self.seen.append(observation.front_rgb)
        return Decision(np.tile(np.append(HOME, 1.0), (20, 1)))


def test_dagger_rollouts_are_kept_for_one_policy_and_refused_for_another(tmp_path):
    policy = Stays()

    def pilot(task):
        return make_env(EnvSpec(task, RGB.cameras, 32)), policy

    list(make_dagger(tmp_path, RGB, SETTINGS, 8, pilot, weights="aa"))
    kept = Shards(tmp_path)
    assert len(kept) == 8
    front = everything(kept, "views")[:, RGB.cameras.index("front")]
    pictures = {each.tobytes() for each in policy.seen}
    assert sum(each.tobytes() in pictures for each in front) >= 4, "the others the expert decided"
    with pytest.raises(UserError, match='policy = "aa", not "bb"'):
        list(make_dagger(tmp_path, RGB, SETTINGS, 8, pilot, weights="bb"))


def test_a_model_draws_at_the_decisions_of_demonstrations(demos, tmp_path):
    artist = Artist(Inverts(), "aa")
    list(make_drawings(tmp_path / "rows", FOLLOWING, demos, artist, 5, 1, "demos"))
    kept = Shards(tmp_path / "rows")
    assert len(kept) == 5
    assert len({seed for _, seed in artist.model.asked}) == 5, "each with noise of its own"
    found = decisions(demos)
    segments = [next(decision_segments(demos, [each])) for each in found]
    fronts = [255 - demo[0].front_rgb for demo, _ in segments]
    front = FOLLOWING.cameras.index("front")
    for row, views in enumerate(everything(kept, "views")):
        (which,) = [i for i, each in enumerate(fronts) if np.array_equal(each, views[front])]
        number, frame, target = found[which]
        whole = demos[number].seen()
        (truth,) = draw_targets_of(whole, [frame])
        assert truth.target == target
        labels = truth.labels["front"]
        visible = kept.rows([row], "visible")[0, front]
        np.testing.assert_array_equal(visible, labels.visible)
        shown = kept.rows([row], "keypoints")[0, front][visible]
        np.testing.assert_allclose(32 * shown, labels.pixels[visible], atol=1e-3)
        way = whole.actions()[frame:target]
        actions = kept.rows([row], "actions")[0]
        np.testing.assert_array_equal(actions[: len(way)], way)
        assert (actions[len(way) :] == way[-1]).all(), "at a keyframe the arm waits"
        assert kept.rows([row], "valid")[0].all()
        asked = artist.model.asked[row][0]
        assert asked == kept.strings("instruction")[row]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"artist": Artist(Inverts(1), "bb")}, 'drawn_by = "aa", not "bb"'),
        ({"data": "others"}, 'data = "demos", not "others"'),
        ({"seed": 2}, "seed = 1, not 2"),
        ({"count": 2}, "count = 3, not 2"),
        ({"config": replace(FOLLOWING, horizon=10)}, "horizon = 20, not 10"),
    ],
)
def test_drawings_of_another_model_or_other_demonstrations_are_refused(
    demos, tmp_path, change, named
):
    said = {"config": FOLLOWING, "episodes": demos, "artist": Artist(Inverts(), "aa")}
    said |= {"count": 3, "seed": 1, "data": "demos"}
    list(make_drawings(tmp_path / "rows", **said))
    before = (tmp_path / "rows" / "00000.safetensors").read_bytes()
    with pytest.raises(UserError, match=named):
        list(make_drawings(tmp_path / "rows", **{**said, **change}))
    list(make_drawings(tmp_path / "rows" / ".." / "rows", **said))
    assert (tmp_path / "rows" / "00000.safetensors").read_bytes() == before


def test_drawn_segments_keep_everything_but_the_first_views(demos):
    found = decisions(demos)[:2]
    plain = list(decision_segments(demos, found))
    rng = np.random.default_rng(0)
    drawn = list(drawings(plain, Inverts(), FOLLOWING.cameras, rng, 7))
    for (one, sentences), (other, said) in zip(plain, drawn, strict=True):
        np.testing.assert_array_equal(other[0].wrist_rgb, 255 - one[0].wrist_rgb)
        np.testing.assert_array_equal(other.actions(), one.actions())
        assert len(said) == 1
        assert said[0] in sentences
    rows = decision_rows(FOLLOWING, drawn, rng)
    assert rows["instruction"] == [said for _, (said,) in drawn]


def test_a_broken_row_of_files_is_finished_with_the_same_bytes(tmp_path):
    *_, last = list(make_perturbed_states(tmp_path, RGB, SETTINGS, 8))
    before = last.read_bytes()
    last.unlink()
    list(make_perturbed_states(tmp_path, RGB, SETTINGS, 8))
    assert last.read_bytes() == before
    with pytest.raises(UserError, match="tasks = "):
        list(make_perturbed_states(tmp_path, RGB, DecisionSettings(("push_button",), 2), 8))
    said = json.loads((tmp_path / "provenance.json").read_text())
    assert said["source"] == "perturbed_states"


def test_decisions_of_the_other_kind_of_controller(folder, tmp_path):
    def source(config):
        return DecisionSource(config, AugmentConfig(), Shards(folder))

    with pytest.raises(UserError, match="views as they are; this controller learns from those of"):
        source(FOLLOWING)
    with pytest.raises(UserError, match="20 actions on 4 views of 32 pixels, wanted are 20 on 4"):
        source(replace(RGB, image_size=64))
    with pytest.raises(UserError, match="what a model drew: name it"):
        list(make_perturbed_states(tmp_path, FOLLOWING, SETTINGS, 8))
    with pytest.raises(UserError, match="the views as they are"):
        list(make_perturbed_states(tmp_path, RGB, SETTINGS, 8, Artist(Inverts(), "aa")))
    assert not list(tmp_path.iterdir()), "said before anything is drawn"
