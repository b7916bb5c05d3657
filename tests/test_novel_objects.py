"""Other shapes of what tasks are about: the same episode with another thing, and solvable."""

from __future__ import annotations

import numpy as np
import pytest

from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.novel import shapes_of, tasks_with_shapes
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import Task
from genima_lite.envs.bench.tasks import load_task, task_names
from genima_lite.errors import UserError
from genima_lite.evaluation.command import Evaluation
from genima_lite.robustness import Robustness

SHAPES = [
    pytest.param(name, index, id=type(shape).__name__)
    for name in tasks_with_shapes()
    for index, shape in enumerate(shapes_of(load_task(name)))
]


def novel(task: str, strength: float = 1.0, cameras: tuple[str, ...] = ()) -> BenchEnv:
    spec = EnvSpec(task, cameras, 64, perturbations=("novel_object",), strength=strength)
    env = make_env(spec)
    assert isinstance(env, BenchEnv)
    return env


def clean(task: str) -> BenchEnv:
    env = make_env(EnvSpec(task, ()))
    assert isinstance(env, BenchEnv)
    return env


def names(scene: Scene) -> tuple[list[str], int]:
    model = scene.model
    return [model.body(i).name for i in range(model.nbody)], model.nq


def test_every_task_has_two_other_shapes() -> None:
    assert set(tasks_with_shapes()) == set(task_names())
    assert all(len(shapes_of(load_task(name))) >= 2 for name in tasks_with_shapes())


@pytest.mark.parametrize(("task", "index"), SHAPES)
def test_the_expert_solves_the_task_with_another_shape_in_the_same_place(
    task: str, index: int
) -> None:
    twin, env = clean(task), novel(task)
    env._scenes = [env._scenes[1 + index]] * 2
    solved = 0
    for seed in range(30, 33):
        for each in (twin, env):
            each.reset(seed=seed, options={"variation": seed % env.variations})
        assert names(env.scene) == names(twin.scene)
        for piece, place in twin.objects().items():
            np.testing.assert_allclose(env.objects()[piece], place, atol=1e-3)
        plan = np.vstack(list(env.expert_stretches()))
        assert not env.success
        solved += env.execute(np.vstack([plan, *[plan[-1:]] * 10])).success
    assert solved == 3


@pytest.mark.parametrize(("task", "index"), SHAPES)
def test_another_shape_looks_different(task: str, index: int) -> None:
    cameras = ("front", "left_shoulder", "right_shoulder", "overhead")
    env = novel(task, cameras=cameras)
    seen = []
    for scene in (env._scenes[0], env._scenes[1 + index]):
        env._scenes = [scene]
        env.reset(seed=3)
        seen.append(np.stack([env.observation.image(name) for name in cameras]).astype(int))
    env.close()
    different = (np.abs(seen[1] - seen[0]).max(axis=-1) > 40).sum()
    assert different >= 8  # pixels of four pictures


def test_the_strength_is_the_share_of_episodes_with_another_shape() -> None:
    def share(strength: float) -> tuple[float, set[Task]]:
        env, chosen = novel("push_button", strength), []
        for seed in range(60):
            env.reset(seed=seed)
            chosen.append(env.task)
        return np.mean([task is not env._scenes[0].task for task in chosen]), set(chosen)

    assert share(0.0)[0] == 0
    assert 0.3 < share(0.5)[0] < 0.7
    always, chosen = share(1.0)
    assert always == 1
    assert len(chosen) == 2  # both of them are drawn


def test_a_stored_scene_comes_back_with_its_shape() -> None:
    env, other = novel("take_lid_off_saucepan"), novel("take_lid_off_saucepan")
    env.reset(seed=1)
    other.reset(seed=2)
    while type(other.task) is type(env.task):
        other.reset()
    state = env.state()
    other.restore(state)
    assert type(other.task) is type(env.task)
    assert other.state() == state


def test_a_damaged_state_leaves_the_shape_as_it_is() -> None:
    env, other = novel("lamp_on"), novel("lamp_on")
    env.reset(seed=1)
    while type(other.task) is type(env.task) or other.task is other._scenes[0].task:
        other.reset()
    kept = other.scene
    with pytest.raises(UserError, match="mujoco holds 3 numbers"):
        other.restore({**env.state(), "mujoco": [0.0, 0.0, 0.0]})
    assert other.scene is kept


def test_a_task_without_other_shapes_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    where = "genima_lite.envs.bench.perturbations.novel_object.tasks_with_shapes"
    monkeypatch.setattr(where, lambda: ["open_drawer"])
    message = "'lamp_on' cannot have the perturbation 'novel_object': it can have background_textu"
    for make in (
        lambda: novel("lamp_on"),
        lambda: Evaluation("expert", ("open_drawer", "lamp_on"), perturb=("novel_object",)),
        lambda: Robustness(tasks=("lamp_on",), perturb=("light", "novel_object")),
    ):
        with pytest.raises(UserError, match=message):
            make()
    assert "novel_object" not in Robustness(tasks=("open_drawer", "lamp_on")).conditions
    assert "novel_object" in Robustness(tasks=("open_drawer",)).conditions
