"""The twin's own tasks: solved through the stack, by what should do it."""

import numpy as np
import pytest

pytest.importorskip("ruckig")

from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.record import RecordConfig, Recorder
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.api import task_names as names_of
from genima_lite.envs.arm.env import ArmEnv
from genima_lite.envs.arm.hands.expert import Expert
from genima_lite.envs.arm.twin.tasks import load_task
from genima_lite.errors import UserError

OWN = ("lift_scarf", "push_button_with_elbow")


@pytest.fixture(params=OWN, scope="module")
def env(request):
    made = ArmEnv(EnvSpec(request.param, (), 32, backend="arm"))
    yield made
    made.close()


def led(env, seed):
    """Return success, and which of the arm's links touched a plunger."""
    env.reset(seed=seed, options={"variation": seed % env.variations})
    touched = set()

    def look(now):
        scene = now._parts.extra.scene
        for contact in scene.data.contact[: scene.data.ncon]:
            bodies = [scene.model.body(scene.model.geom(g).bodyid[0]).name for g in contact.geom]
            touched.update(bodies if "plunger" in bodies else ())

    return env.stream(Expert().rows(env), look).success, touched


def test_the_hand_in_a_persons_place_succeeds(env):
    found = [led(env, seed) for seed in range(4)]
    assert all(success for success, _ in found)
    if env.task_name == "push_button_with_elbow":
        links = set().union(*(touched for _, touched in found)) - {"plunger", "post", "world"}
        assert links
        assert links <= {"link3", "link4"}  # the elbow, not the hand


def test_nothing_is_done_at_the_start_and_seeds_differ(env):
    states = []
    for seed in range(3):
        _, info = env.reset(seed=seed)
        assert not info["success"]
        states.append(env.observation.task_low_dim_state)
    assert states[0].shape == states[1].shape
    assert not np.array_equal(states[0], states[1])


def test_each_variation_has_its_own_sentences(env):
    sentences = [env.instructions(v) for v in range(env.variations)]
    assert len({each[0] for each in sentences}) == env.variations
    assert all(len(set(each)) >= 3 for each in sentences)


def test_the_arm_has_the_benchs_tasks_and_its_own():
    assert set(names_of("arm")) == {*names_of(), *OWN}
    assert load_task("push_button").variations == 18
    with pytest.raises(UserError, match="unknown task 'dance'"):
        load_task("dance")


def test_their_demonstrations_are_sound(tmp_path):
    config = RecordConfig(OWN, 1, image_size=32, cameras=("front",))
    assert len(list(Recorder(tmp_path, config).run())) == 2
    assert inspect_dataset(tmp_path)["problems"] == []
    assert {each.task for each in iterate_episodes(tmp_path)} == set(OWN)
