"""What PyRep alone can change of a scene's looks, on the double."""

from contextlib import closing

import numpy as np
import pytest

from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.envs.api import EnvSpec, make_env, perturbation_names
from genima_lite.envs.rlbench.perturbed import NAMES, Parts, Perturbed, named_colors
from genima_lite.errors import UserError
from genima_lite.rlbench import COLORS
from tests.on_the_double import events

TASK = "push_button"
STATE = np.random.RandomState(3).get_state()


def seen(tmp_path, seed, names, strength=1.0):
    """Return the front camera's pose after a reset, and what was painted."""
    spec = EnvSpec(TASK, ("front", "wrist"), 16, backend="rlbench")
    spec = EnvSpec(**{**vars(spec), "perturbations": names, "strength": strength})
    with closing(make_env(spec)) as env:
        env.reset(seed=7)
        events(tmp_path)
        _, info = env.reset(seed=seed)
        assert info["perturbations"] == tuple(sorted(names))
        painted = [line for line in events(tmp_path) if line.startswith("paint")]
        return env.observation.misc, painted


def test_cameras_move_and_their_matrices_say_so_but_not_the_wrists(double, tmp_path):
    clean, _ = seen(tmp_path, 1, ())
    moved, _ = seen(tmp_path, 1, ("camera_pose",))
    half, _ = seen(tmp_path, 1, ("camera_pose",), 0.5)
    name = "front_camera_extrinsics"
    way = moved[name][:3, 3] - clean[name][:3, 3]
    assert 0 < np.abs(way).max() <= 0.1
    np.testing.assert_allclose(half[name][:3, 3] - clean[name][:3, 3], way / 2, atol=1e-9)
    turned = np.arccos((np.trace(moved[name][:3, :3].T @ clean[name][:3, :3]) - 1) / 2)
    assert 0 < turned < 0.09
    again, _ = seen(tmp_path, 1, ("light", "camera_pose"))
    np.testing.assert_array_equal(again[name], moved[name])
    other, _ = seen(tmp_path, 2, ("camera_pose",))
    assert not np.allclose(other[name], moved[name])
    wrist = "wrist_camera_extrinsics"
    np.testing.assert_allclose(moved[wrist], clean[wrist])


def test_each_change_paints_what_it_should_and_undoes_the_last_one(double, tmp_path):
    painted = {name: seen(tmp_path, 1, (name,))[1] for name in NAMES}
    things = {n: {line.split()[1] for line in lines} for n, lines in painted.items()}
    assert things["background_color"] == {"Wall1", "Wall2", "Wall3", "Wall4", "painted"}
    assert things["table_color"] == {"diningTable_visible", "painted"}
    assert things["light"] == {"painted", *(f"DefaultLight{letter}" for letter in "ABCD")}
    assert things["object_color"] == {"piece", "painted"}
    assert things["camera_pose"] == {"painted"}, "by the task itself"
    for line in painted["object_color"]:
        if line.startswith("paint painted"):
            assert line == "paint painted [1.0, 0.0, 0.0]", "the task's own colour stays"
    assert painted["table_color"][0] == "paint diningTable_visible [0.6, 0.4, 0.2]", "undone first"


def test_masks_are_seen_from_where_colours_are(double, tmp_path):
    spec = EnvSpec(TASK, ("front",), 16, mask=True, backend="rlbench")
    spec = EnvSpec(**{**vars(spec), "perturbations": ("camera_pose",)})
    with closing(make_env(spec)) as env:
        env.reset(seed=7)
        env.reset(seed=1)
        moved = [line.split(maxsplit=2)[1:] for line in events(tmp_path) if line[:5] == "place"]
        poses = dict(moved)
        assert set(poses) == {"cam_front", "cam_front_mask"}
        assert poses["cam_front"] == poses["cam_front_mask"]
        assert len({pose for name, pose in moved if name == "cam_front"}) == 3  # there and back


class Shape:
    def __init__(self, color):
        self.color = list(color)

    def get_color(self):
        return self.color

    def set_color(self, color):
        self.color = list(color)


def test_what_a_sentence_names_keeps_its_colour_and_nothing_else_gets_it():
    assert set(named_colors(["push the Maroon button, then the navy one"])) == {"maroon", "navy"}
    for seed in range(60):
        maroon, gray = Shape(COLORS["maroon"]), Shape([0.5, 0.5, 0.5])
        perturbed = Perturbed(Parts([], [maroon, gray], [], [], {}), ("object_color",), 1.0)
        state = np.random.RandomState(seed).get_state()
        perturbed.apply(state, ["push the maroon button"])
        assert tuple(maroon.color) == COLORS["maroon"]
        assert tuple(gray.color) in COLORS.values()
        assert tuple(gray.color) != COLORS["maroon"]
        perturbed.restore()
        assert gray.color == [0.5, 0.5, 0.5]


def test_nothing_changes_at_strength_0_or_without_names(double, tmp_path):
    assert seen(tmp_path, 1, NAMES, 0.0)[1] == ["paint painted [1.0, 0.0, 0.0]"]
    assert seen(tmp_path, 1, ())[1] == ["paint painted [1.0, 0.0, 0.0]"]


def test_names_and_refusals():
    assert perturbation_names("rlbench") == sorted(NAMES)
    with pytest.raises(UserError, match="unknown perturbation 'distractors': known: background"):
        make_env(EnvSpec(TASK, backend="rlbench", perturbations=("distractors",)))


def test_demonstrations_are_collected_in_changed_scenes(double, tmp_path):
    settings = CollectSettings(
        image_size=16, backend="rlbench", perturbations=("camera_pose",), strength=1.0
    )
    list(collect(tmp_path / "out", [TASK], 1, settings))
    from genima_lite.demos.layout import iterate_episodes
    from genima_lite.demos.read import read_episode

    (episode,) = iterate_episodes(tmp_path / "out")
    demo = read_episode(episode.path, kinds=())
    clean, _ = seen(tmp_path, 1, ())
    name = "front_camera_extrinsics"
    assert not np.allclose(demo[0].misc[name], clean[name])
    np.testing.assert_array_equal(demo[0].misc[name], demo[-1].misc[name])
