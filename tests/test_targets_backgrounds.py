"""Random backgrounds: seeded, varied, blended as in the paper, and without spheres of their own."""

import numpy as np
import pytest
from PIL import Image

from genima_lite.errors import UserError
from genima_lite.targets import (
    PictureFolder,
    RandomBackdrop,
    blend_background,
    find_spheres,
    random_texture,
)
from genima_lite.textures import FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_seeds_give_equal_textures_of_the_right_kind(family):
    first, again, other = (
        random_texture(np.random.default_rng(seed), 40, 56, family) for seed in (1, 1, 2)
    )
    assert (first.shape, first.dtype) == ((40, 56, 3), np.uint8)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5


@pytest.mark.parametrize("family", FAMILIES)
def test_textures_of_a_family_vary(family):
    rng = np.random.default_rng(0)
    means = np.array([random_texture(rng, 32, 32, family).mean((0, 1)) for _ in range(20)])
    assert (means.std(0) > 15).all(), "colours differ from draw to draw"


def test_draws_are_neither_flat_nor_all_alike():
    rng = np.random.default_rng(0)
    textures = [random_texture(rng, 32, 32).astype(float) for _ in range(40)]
    spread = [texture.std((0, 1)).mean() for texture in textures]
    assert np.median(spread) > 20
    detail = [np.abs(np.diff(texture, axis=1)).mean() for texture in textures]
    assert np.percentile(detail, 90) > 3 * np.percentile(detail, 10), "coarse and fine ones"


def test_most_textures_hold_nothing_that_looks_like_a_sphere():
    rng = np.random.default_rng(0)
    hits = [bool(find_spheres(random_texture(rng, 64, 64))) for _ in range(60)]
    assert np.mean(hits) < 0.2


@pytest.mark.parametrize(("kind", "match"), [("fog", "no texture family 'fog'")])
def test_an_unknown_family(kind, match):
    with pytest.raises(ValueError, match=match):
        random_texture(np.random.default_rng(0), 32, 32, kind)


def test_a_texture_has_some_size():
    with pytest.raises(ValueError, match="at least 8 x 8"):
        random_texture(np.random.default_rng(0), 4, 32)


def test_the_blend_is_seven_tenths_background():
    view, background = (np.full((4, 6, 3), value, np.uint8) for value in (200, 100))
    assert (blend_background(view, background) == 130).all()
    assert (blend_background(view, background, 0.0) == 200).all()
    assert (blend_background(view, background, 1.0) == 100).all()


@pytest.mark.parametrize("blend", [-0.1, 1.1, np.nan])
def test_a_blend_outside_its_range(blend):
    view = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="between 0 and 1"):
        blend_background(view, view, blend)


def test_pictures_unlike_each_other_are_not_blended():
    view = np.zeros((4, 4, 3), np.uint8)
    for other in (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 4, 3))):
        with pytest.raises(ValueError, match="must be alike and uint8"):
            blend_background(view, other)


def test_a_backdrop_is_new_for_every_view_and_repeats_with_its_seed():
    view = np.full((16, 16, 3), 128, np.uint8)
    first = RandomBackdrop(np.random.default_rng(0))
    again = RandomBackdrop(np.random.default_rng(0))
    pictures = [first(view), first(view)]
    assert (pictures[0] != pictures[1]).any()
    np.testing.assert_array_equal(pictures, [again(view), again(view)])
    assert (view == 128).all()


@pytest.fixture
def folder(tmp_path):
    for i, color in enumerate(((255, 0, 0), (0, 255, 0))):
        Image.new("RGB", (50 + 20 * i, 40), color).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_folder_of_pictures_is_a_source(folder):
    source = PictureFolder(folder)
    assert [path.name for path in source.paths] == ["0.png", "1.png"]
    rng = np.random.default_rng(0)
    seen = {tuple(source(rng, 24, 32)[0, 0]) for _ in range(20)}
    assert seen == {(255, 0, 0), (0, 255, 0)}
    backdrop = RandomBackdrop(rng, blend=1.0, source=source)
    assert backdrop(np.zeros((24, 32, 3), np.uint8)).shape == (24, 32, 3)


def test_a_small_or_grey_picture_will_do(tmp_path):
    Image.new("L", (3, 2), 77).save(tmp_path / "grey.png")
    picture = PictureFolder(tmp_path)(np.random.default_rng(0), 20, 20)
    assert (picture == 77).all()


def test_a_missing_or_empty_folder(tmp_path):
    with pytest.raises(UserError, match="absent: no such folder"):
        PictureFolder(tmp_path / "absent")
    with pytest.raises(UserError, match="no pictures in it"):
        PictureFolder(tmp_path)


def test_a_broken_picture_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG but no more")
    with pytest.raises(UserError, match=r"broken\.png: not a readable picture"):
        PictureFolder(tmp_path)(np.random.default_rng(0), 16, 16)


def test_another_format_under_a_pictures_name_is_refused(tmp_path):
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(pwned) print\n%%EOF\n"
    (tmp_path / "a.png").write_bytes(eps)  # Pillow would let Ghostscript run it
    with pytest.raises(UserError, match=r"a\.png: not a readable picture \(cannot identify"):
        PictureFolder(tmp_path)(np.random.default_rng(0), 16, 16)
