"""The course's playgrounds: a control moves, the picture follows and shows the truth."""

import io

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ipywidgets")
pytest.importorskip("diffusers")

from genima_lite import panda
from genima_lite.controller.checkpoint import load_controller
from genima_lite.demos.collect import record_demo
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.envs.api import EnvSpec, make_env, perturbation_names
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.shipped import shipped
from genima_lite.targets import draw_targets, find_spheres
from genima_lite.targets.horizon import HORIZON
from genima_lite.tiling import TILE_ORDER, tile
from genima_lite.viz.playground import (
    Stage,
    beside,
    enlarged,
    moved_tip,
    posed_picture,
    views_of,
)
from genima_lite.viz.widgets import (
    change_scene,
    instruct,
    lead_by_hand,
    move_joints,
    scrub_episode,
)
from tests.pages import pictures

FRAMES = "four views of frame t with the spheres of the target"

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def demo():
    env = BenchEnv("press_switch", TILE_ORDER, 64)
    demo = record_demo(env, 4, 0)
    env.close()
    return demo


def picture(playground):
    return np.asarray(Image.open(io.BytesIO(playground.image.value)))


def test_the_arm_stands_where_the_sliders_say():
    stage, joints = Stage("push_button", 0, 64), panda.HOME + 0.2
    seen = stage.pose(joints, 0.0)
    np.testing.assert_allclose(seen.joint_positions, joints)
    np.testing.assert_allclose(
        seen.gripper_pose[:3], panda.forward_kinematics(joints)[1][:3, 3], atol=1e-6
    )
    assert seen.gripper_open == 0
    with pytest.raises(UserError, match="joint 4"):
        stage.pose(np.zeros(7))


def test_spheres_lie_where_forward_kinematics_puts_them():
    stage = Stage("push_button", 0, 128)
    shown = posed_picture(stage, panda.HOME, 1.0)
    front = shown[:256, 256:][::2, ::2]
    seen = stage.pose(panda.HOME)
    found = find_spheres(front, np.asarray(seen.misc["front_camera_intrinsics"]))
    assert {"base", "elbow"} <= set(found)


def test_joint_sliders_move_the_picture():
    playground = move_joints()
    before = picture(playground)
    playground.controls["joint1"].value += 0.5
    assert (picture(playground) != before).mean() > 0.02
    assert "tip at" in playground.text.value


def test_the_scrubber_shows_what_the_library_draws(demo):
    playground = scrub_episode(demo)
    playground.controls["frame"].value, playground.controls["horizon"].value = 9, 5
    wanted = enlarged(tile(draw_targets(demo, 9, TILE_ORDER, 5).views))
    np.testing.assert_array_equal(picture(playground), wanted)


def test_the_instruction_box_draws_with_the_agent(demo):
    agent = DiffusionAgent.load(shipped("genima/diffusion"))
    playground = instruct(agent, demo[0], "press the switch")
    drawn = agent.draw(views_of(demo[0]), "press the switch", 0)
    np.testing.assert_array_equal(picture(playground)[-512:, -512:], enlarged(tile(drawn)))
    playground.controls["seed"].value = 3
    assert (picture(playground)[-512:, -512:] != enlarged(tile(drawn))).any()


def test_a_perturbed_scene_is_drawn_upon_and_its_box_off_gives_the_clean_one():
    agent = DiffusionAgent.load(shipped("genima/diffusion"))
    playground = change_scene(agent, "lamp_on", seed=4, shown="table_texture")
    assert set(playground.controls) == {*perturbation_names(), "strength"}
    env = make_env(EnvSpec("lamp_on", TILE_ORDER, 64, perturbations=("table_texture",)))
    env.reset(seed=4)
    views = views_of(env.observation)
    drawn = agent.draw(views, env.instructions(0)[0], 0)
    pictures = enlarged(tile(views)), enlarged(tile(drawn))
    wanted = beside(*pictures, names=("seen", "drawn"))
    np.testing.assert_array_equal(picture(playground), wanted)
    playground.controls["table_texture"].value = False
    clean = make_env(EnvSpec("lamp_on", TILE_ORDER, 64))
    clean.reset(seed=4)
    seen = enlarged(tile(views_of(clean.observation)))
    np.testing.assert_array_equal(picture(playground)[-512:, :512], seen)


def test_the_controller_obeys_the_hand_and_what_is_out_of_reach_is_said():
    playground = lead_by_hand(
        load_controller(shipped("genima/controller")), Stage("push_button", 0, 64)
    )
    before = picture(playground)
    playground.controls["z"].value = -0.1
    away = float(playground.text.value.split()[3])
    assert away < 50
    assert (picture(playground) != before).any()


def test_the_hand_may_begin_beside_home():
    model, stage = load_controller(shipped("genima/controller")), Stage("push_button", 0, 64)
    placed, moved = lead_by_hand(model, stage, start=(0.1, 0.0, -0.1)), lead_by_hand(model, stage)
    moved.controls["x"].value, moved.controls["z"].value = 0.1, -0.1
    np.testing.assert_array_equal(picture(placed), picture(moved))


def test_a_value_that_cannot_be_keeps_the_picture(demo):
    playground = scrub_episode(demo)
    before = playground.image.value
    playground.controls["frame"].max = 10_000
    playground.controls["frame"].value = 9_999
    assert "no frame" in playground.text.value
    assert playground.image.value == before


def test_a_page_without_a_kernel_gets_a_picture(demo, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    scrub_episode(demo)._ipython_display_()
    assert "application/vnd.jupyter.widget-view+json" in shown[0]
    assert pictures(shown[0]["text/html"]) == [f"{FRAMES}: t = 0, K = {HORIZON}"]


def test_the_tip_goes_where_the_hand_moves_it():
    by = np.array([0.05, -0.1, -0.05])
    tip = panda.forward_kinematics(moved_tip(panda.HOME, by))[1]
    np.testing.assert_allclose(
        tip[:3, 3], panda.forward_kinematics(panda.HOME)[1][:3, 3] + by, atol=2e-4
    )
