"""Four views as one picture: the order is checked on a picture painted by hand."""

import numpy as np
import pytest

from genima_lite.errors import UserError
from genima_lite.tiling import TILE_ORDER, tile, untile


@pytest.fixture
def views():
    rng = np.random.default_rng(0)
    return {camera: rng.integers(0, 256, (3, 5, 3), np.uint8) for camera in TILE_ORDER}


def test_the_order_is_the_papers():
    one = np.ones((1, 2), np.uint8)
    views = {
        "left_shoulder": 4 * one,
        "right_shoulder": 3 * one,
        "overhead": 9 * one,
        "front": 2 * one,
        "wrist": 1 * one,
    }
    np.testing.assert_array_equal(tile(views), [[1, 1, 2, 2], [3, 3, 4, 4]])


def test_untile_takes_a_picture_painted_by_hand_apart():
    picture = np.array([[1, 1, 2, 2], [3, 3, 4, 4]])
    views = untile(picture)
    assert {camera: view.tolist() for camera, view in views.items()} == {
        "wrist": [[1, 1]],
        "front": [[2, 2]],
        "right_shoulder": [[3, 3]],
        "left_shoulder": [[4, 4]],
    }


@pytest.mark.parametrize("shape", [(3, 5, 3), (4, 4), (2, 7, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int32])
def test_round_trip(shape, dtype):
    rng = np.random.default_rng(1)
    views = {camera: rng.uniform(0, 255, shape).astype(dtype) for camera in TILE_ORDER}
    picture = tile(views)
    assert picture.shape == (2 * shape[0], 2 * shape[1], *shape[2:])
    assert picture.dtype == dtype
    back = untile(picture)
    assert tuple(back) == TILE_ORDER
    for camera, view in views.items():
        np.testing.assert_array_equal(back[camera], view)


def test_a_tiled_picture_is_a_copy(views):
    picture = tile(views)
    picture[:] = 0
    assert views["wrist"].any()


def test_a_missing_camera_is_named(views):
    del views["front"]
    with pytest.raises(UserError, match="no view of front.*given: wrist, right_shoulder"):
        tile(views)


@pytest.mark.parametrize("other", [np.zeros((4, 5, 3), np.uint8), np.zeros((3, 5, 3))])
def test_a_view_unlike_the_others_is_named(views, other):
    views["left_shoulder"] = other
    with pytest.raises(UserError, match=r"wrist is \(3, 5, 3\) uint8, left_shoulder is"):
        tile(views)


@pytest.mark.parametrize("shape", [(3, 4, 3), (4, 3)])
def test_odd_pictures_are_no_tiles(shape):
    with pytest.raises(UserError, match=f"{shape[0]}x{shape[1]}"):
        untile(np.zeros(shape))
