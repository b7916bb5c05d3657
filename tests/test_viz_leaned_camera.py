"""A camera whose pose is wrong: what the widget says is what one would see."""

import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.observation import Observation
from genima_lite.viz.leaned_camera import beside_the_arm, lean_on, leaned
from genima_lite.viz.playground import Stage


@pytest.fixture(scope="module")
def seen():
    stage = Stage("push_button", 0, 128)
    return stage.pose(panda.HOME)


def test_two_degrees_are_five_centimetres_at_a_metre_and_a_half():
    camera = Camera(np.array([[200.0, 0, 64], [0, 200, 64], [0, 0, 1]]), np.eye(4))
    point = np.array([[0.0, 0.0, 1.5]])
    pixels, metres = beside_the_arm(camera, leaned(camera, 0, 2, 0), point)
    assert metres == pytest.approx(1.5 * np.tan(np.deg2rad(2)), rel=1e-6)
    assert pixels == pytest.approx(200 * np.tan(np.deg2rad(2)), rel=1e-6)
    assert beside_the_arm(camera, leaned(camera, 0, 0, 0.03), point)[1] == pytest.approx(0.03)
    np.testing.assert_allclose(leaned(camera, 0, 0, 0).pose, camera.pose)


def test_sliders_move_the_spheres_within_300_ms(seen):
    playground = lean_on(seen)
    first, said = playground.image.value, playground.text.value
    begun = time.process_time()
    playground.controls["turn"].value = 5.0
    assert time.process_time() - begun < 0.3
    assert playground.image.value != first
    assert float(playground.text.value.split()[4]) > float(said.split()[4]) > 0
    playground.controls["turn"].value = 0.0
    assert "up to 0 pixels" in playground.text.value


def test_without_an_arm_there_is_nothing_to_draw(seen):
    misc = {"front_rgb": seen.front_rgb, "misc": seen.misc}
    with pytest.raises(ValueError, match="no arm to draw"):
        lean_on(Observation(**misc))
