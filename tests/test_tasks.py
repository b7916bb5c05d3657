"""What every task must keep, and the example that the docs show."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genima_lite.envs.bench import tasks
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.evaluation.rollout import run_episode
from genima_lite.panda import LOWER, UPPER
from genima_lite.policies.expert import ExpertPolicy
from genima_lite.seeds import evaluation_seed

ROOT = Path(__file__).parents[1]


@pytest.fixture(params=tasks.task_names(), scope="module")
def env(request):
    return BenchEnv(request.param, cameras=())


def test_the_expert_succeeds_in_40_to_200_steps_within_the_limits(env):
    expert = ExpertPolicy(env)
    for episode in range(3):
        variation = episode % env.task.variations
        result = run_episode(env, expert, evaluation_seed(7, episode), variation)
        assert result.success, result
        assert result.steps <= len(expert.plan) + 10
        assert 40 <= len(expert.plan) <= 200
        assert (expert.plan[:, :7] >= LOWER).all()
        assert (expert.plan[:, :7] <= UPPER).all()


def test_nothing_is_done_at_the_start_and_standing_still_does_nothing(env):
    for seed in range(5):
        _, info = env.reset(seed=seed)
        hold = np.append(env.observation.joint_positions, 1.0)
        assert not info["success"]
        for _ in range(10):
            *_, info = env.step(np.clip(hold, env.action_space.low, env.action_space.high))
        assert not info["success"]


def test_each_variation_has_its_own_sentences(env):
    first = [env.task.instructions(v)[0] for v in range(env.task.variations)]
    assert len(set(first)) == env.task.variations
    for variation in range(env.task.variations):
        sentences = env.task.instructions(variation)
        assert len(sentences) >= 3
        assert len(set(sentences)) == len(sentences)
        assert all(s == s.strip().lower() and s.isascii() for s in sentences)


def test_the_low_dim_state_has_one_length_and_follows_the_scene(env):
    lengths = set()
    states = []
    for seed in range(3):
        env.reset(seed=seed)
        states.append(env.observation.task_low_dim_state)
        lengths.add(states[-1].shape)
    assert len(lengths) == 1
    assert not np.array_equal(states[0], states[1])


def test_seeds_place_the_task_differently_and_settled(env):
    for seed in range(3):
        env.reset(seed=seed)
        before = env.scene.data.qpos[9:].copy()
        env.scene.robot.hold(10)
        np.testing.assert_allclose(env.scene.data.qpos[9:], before, atol=2e-3)


def test_the_example_in_contributing_is_a_working_task(tmp_path, monkeypatch):
    text = (ROOT / "docs/add-a-task.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(example.splitlines()) <= 60
    (tmp_path / "lift_block.py").write_text(example)
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "genima_lite.envs.bench.tasks.lift_block", raising=False)
    assert "lift_block" in tasks.task_names()
    env = BenchEnv("lift_block", cameras=())
    expert = ExpertPolicy(env)
    for seed in range(5):
        result = run_episode(env, expert, seed, seed % 3)
        assert result.success
        assert 40 <= len(expert.plan) <= 200
    assert env.task.instructions(2)[0] == "lift the blue block"


def test_importing_the_package_does_not_import_the_simulator():
    code = "import sys, genima_lite; print('mujoco' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "False"], done.stderr
