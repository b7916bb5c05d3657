"""Perturbations change what a scene looks like, and nothing else of it."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.object_positions import demonstrated_places
from genima_lite.demos.read import read_episode
from genima_lite.demos.replay import replay
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.perturbations import perturbation_names
from genima_lite.envs.bench.tasks import load_task, task_names
from genima_lite.errors import UserError
from genima_lite.evaluation.command import Evaluation
from genima_lite.rlbench import COLORS

SEEN = {"front": 1.0, "left_shoulder": 1.0}
"""Cameras in these tests."""


def make(task: str, *names: str, strength: float = 1.0, size: int = 48) -> BenchEnv:
    spec = EnvSpec(task, tuple(SEEN), size, perturbations=names, strength=strength)
    env = make_env(spec)
    assert isinstance(env, BenchEnv)
    return env


def pictures(env: BenchEnv) -> np.ndarray:
    """Return both views, (2, H, W, 3) int."""
    return np.stack([env.observation.image(name) for name in SEEN]).astype(int)


@pytest.fixture(scope="module")
def clean() -> BenchEnv:
    return make("open_drawer")


@pytest.mark.parametrize("name", perturbation_names())
def test_a_perturbed_episode_looks_different_and_stands_where_its_clean_twin_does(
    name: str, clean: BenchEnv
) -> None:
    env = make("open_drawer", name)
    for seed in (1, 2):
        clean.reset(seed=seed)
        _, info = env.reset(seed=seed)
        assert np.abs(pictures(env) - pictures(clean)).mean() > 0.5
        for piece, place in clean.objects().items():
            np.testing.assert_allclose(env.objects()[piece], place, atol=1e-6)
        low = clean.observation.task_low_dim_state
        np.testing.assert_allclose(env.observation.task_low_dim_state, low, atol=1e-5)
        assert info["perturbations"] == (name,)
        assert info["strength"] == 1.0
    env.close()


@pytest.mark.parametrize("name", perturbation_names())
def test_half_the_strength_changes_less(name: str, clean: BenchEnv) -> None:
    change = {}
    for strength in (0.0, 0.25, 1.0):
        env, off = make("open_drawer", name, strength=strength), []
        for seed in range(6):
            clean.reset(seed=seed)
            env.reset(seed=seed)
            off.append(np.abs(pictures(env) - pictures(clean)).mean())
        change[strength] = np.mean(off)
        env.close()
    assert change[0.0] < 0.05  # distractors that wait behind the robot change no pixel
    assert change[0.0] < change[0.25] < change[1.0]


def test_the_same_seed_gives_the_same_pictures_after_other_episodes() -> None:
    env = make("take_lid_off_saucepan", *perturbation_names())
    env.reset(seed=3)
    first = pictures(env)
    env.reset(seed=4)
    assert (pictures(env) != first).any()
    env.reset(seed=3)
    np.testing.assert_array_equal(pictures(env), first)
    env.close()


def test_what_one_perturbation_draws_does_not_depend_on_the_others() -> None:
    alone, both = make("lamp_on", "camera_pose"), make("lamp_on", "camera_pose", "distractors")
    for env in (alone, both):
        env.reset(seed=5)
    name = "front_camera_extrinsics"
    np.testing.assert_array_equal(alone.observation.misc[name], both.observation.misc[name])


def test_moved_cameras_are_told_in_the_observation_and_the_wrist_keeps_its_own() -> None:
    env, clean = make("push_button", "camera_pose"), make("push_button")
    for each in (env, clean):
        each.reset(seed=6)
    for camera in ("front", "left_shoulder", "right_shoulder", "overhead"):
        name = f"{camera}_camera_extrinsics"
        moved, before = env.observation.misc[name], clean.observation.misc[name]
        shift = np.abs(moved[:3, 3] - before[:3, 3])
        assert 0 < shift.max() <= 0.1
        cosine = (np.trace(moved[:3, :3].T @ before[:3, :3]) - 1) / 2
        assert 0 < np.arccos(cosine) <= 0.05 * np.sqrt(3) + 1e-6
    name = "wrist_camera_extrinsics"
    np.testing.assert_array_equal(env.observation.misc[name], clean.observation.misc[name])


def test_a_stored_scene_comes_back_with_its_looks() -> None:
    names = tuple(perturbation_names())
    env, other = make("open_drawer", *names), make("open_drawer", *names)
    env.reset(seed=7)
    other.reset(seed=8)
    seen, state = pictures(env), env.state()
    other.restore(state)
    np.testing.assert_array_equal(pictures(other), seen)
    assert other.state() == state


def test_a_scene_is_refused_where_other_perturbations_are() -> None:
    perturbed, clean = make("lamp_on", "light"), make("lamp_on")
    weaker, other = make("lamp_on", "light", strength=0.5), make("lamp_on", "distractors")
    perturbed.reset(seed=1)
    clean.reset(seed=1)
    for env in (clean, weaker, other):
        with pytest.raises(UserError, match="scene state has perturbations light at strength 1"):
            env.restore(perturbed.state())
    with pytest.raises(UserError, match="scene state has none, the environment perturbations"):
        perturbed.restore(clean.state())


@pytest.mark.parametrize(
    ("names", "strength", "message"),
    [
        (("lihgt",), 1.0, "unknown perturbation 'lihgt': did you mean 'light'"),
        (("light", "light"), 1.0, "light, light: name each once"),
        (("light",), 1.5, "strength is 1.5; give 0 to 1"),
        (("light",), -0.1, "strength is -0.1; give 0 to 1"),
        (("light",), float("nan"), "strength is nan; give 0 to 1"),
    ],
)
def test_wrong_perturbations_are_refused(
    names: tuple[str, ...], strength: float, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make("lamp_on", *names, strength=strength)


@pytest.mark.parametrize("task", task_names())
def test_what_a_sentence_calls_by_its_colour_keeps_it(task: str) -> None:
    """Every colour that is said is among those that perturbations leave."""
    env = make(task, "object_color", "object_texture", size=8)
    for variation in {0, load_task(task).variations - 1}:
        env.reset(seed=1, options={"variation": variation})
        said = set(re.findall("[a-z]+", " ".join(env.instructions(variation)))) & set(COLORS)
        changed = np.concatenate([*env.scene.plain_parts(), []]).astype(int)
        model, bodies = env.scene.model, env.scene._bodies
        ours = np.flatnonzero(np.isin(model.geom_bodyid, bodies) & (model.geom_group < 3))
        kept = np.setdiff1d(ours, changed)
        for color in said:
            off = [np.abs(env.scene.color_of(geom) - COLORS[color]).max() for geom in kept]
            assert min(off, default=1.0) < 0.45, f"{color} is said and nothing of it is kept"
    env.close()


@pytest.mark.parametrize("task", task_names())
def test_the_expert_still_solves_its_task_among_distractors(task: str) -> None:
    env = make_env(EnvSpec(task, (), perturbations=("distractors",)))
    assert isinstance(env, BenchEnv)
    solved = 0
    for seed in range(1, 11, 2):
        env.reset(seed=seed)
        plan = np.vstack(list(env.expert_stretches()))
        solved += env.execute(np.vstack([plan, *[plan[-1:]] * 10])).success
    env.close()
    assert solved >= 4


def test_the_files_are_what_is_offered() -> None:
    assert set(perturbation_names()) >= {
        *("background_texture", "camera_pose", "distractors", "light"),
        *("novel_object", "object_color", "object_texture", "table_texture"),
    }


def test_an_evaluation_runs_perturbed_and_says_so() -> None:
    config = Evaluation(
        "expert", ("push_button",), episodes=2, perturb=("light", "distractors"), strength=0.5
    )
    results = list(config.run())
    settings = config.document(results, "")["settings"]
    assert [result.success for result in results] == [True, True]
    assert (settings["perturb"], settings["strength"]) == (("light", "distractors"), 0.5)
    with pytest.raises(UserError, match="unknown perturbation 'fog'"):
        Evaluation("expert", perturb=("fog",))


def test_perturbed_demonstrations_are_collected(tmp_path: Path) -> None:
    settings = CollectSettings(1, 32, perturbations=("light", "table_texture"))
    list(collect(tmp_path / "perturbed", ["push_button"], 1, settings))
    list(collect(tmp_path / "clean", ["push_button"], 1, CollectSettings(1, 32)))
    perturbed, clean = (
        read_episode(next(iterate_episodes(tmp_path / name)).path)
        for name in ("perturbed", "clean")
    )
    np.testing.assert_array_equal(perturbed[5].joint_positions, clean[5].joint_positions)
    assert np.abs(perturbed[0].front_rgb.astype(int) - clean[0].front_rgb).mean() > 5
    assert perturbed.scene_state["perturbed"]["names"] == ["light", "table_texture"]
    with pytest.raises(UserError, match="was made from perturbations"):
        list(collect(tmp_path / "clean", ["push_button"], 1, settings))


def test_perturbed_demonstrations_are_inspected_replayed_and_found_again(tmp_path):
    settings = CollectSettings(
        seed=4, image_size=16, perturbations=("camera_pose", "light"), strength=0.7,
        speed="rlbench", tracking="rlbench",
    )  # fmt: skip
    assert len(list(collect(tmp_path, ["push_button"], 2, settings))) == 2
    assert inspect_dataset(tmp_path)["problems"] == []
    for replayed in replay(tmp_path):
        assert replayed.success
        assert replayed.deviation < 1e-9
    assert len(demonstrated_places(tmp_path, "push_button")) == 2


def test_a_state_of_another_tracking_is_refused():
    with closing(BenchEnv("push_button", cameras=(), tracking="rlbench")) as lagging:
        lagging.reset(seed=2)
        state = lagging.state()
    with (
        closing(BenchEnv("push_button", cameras=())) as env,
        pytest.raises(UserError, match="tracking 'rlbench', the environment 'bench'"),
    ):
        env.restore(state)
