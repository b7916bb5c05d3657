"""PNG codecs: depth and handles keep every bit, and broken files are named."""

import numpy as np
import pytest
from PIL import Image

from genima_lite.demos.images import (
    DEPTH_MAX,
    decode_image,
    encode_image,
    read_image,
    write_image,
)
from genima_lite.demos.layout import DatasetError

KINDS = ("rgb", "depth", "mask")


def picture(kind, seed=0, size=(24, 40)):
    rng = np.random.default_rng(seed)
    if kind == "rgb":
        return rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    if kind == "mask":
        return rng.integers(0, 2**24, size, dtype=np.int32)
    return rng.random(size).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(tmp_path, kind):
    image = picture(kind)
    write_image(tmp_path / "0.png", image, kind)
    back = read_image(tmp_path / "0.png", kind)
    assert back.dtype == image.dtype
    np.testing.assert_allclose(back, image, rtol=0, atol=1 / DEPTH_MAX if kind == "depth" else 0)


def test_depth_codes_survive_float32():
    """Near 1 float32 is as coarse as the codes: every one must still come back as itself."""
    top = np.arange(DEPTH_MAX - 40000, DEPTH_MAX + 1)
    codes = np.concatenate([np.arange(40000), np.arange(0, DEPTH_MAX, 211), top])[None]
    pixels = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1).astype(np.uint8)
    depth = decode_image(pixels, "depth")
    assert depth.dtype == np.float32
    assert depth.min() == 0.0
    assert depth.max() == 1.0
    np.testing.assert_array_equal(encode_image(depth, "depth"), pixels)


def test_depth_has_its_high_byte_in_red_and_masks_their_low_byte():
    pixel = np.array([[[1, 2, 3]]], dtype=np.uint8)
    assert decode_image(pixel, "mask")[0, 0] == 1 + 256 * 2 + 65536 * 3
    assert decode_image(pixel, "depth")[0, 0] == np.float32((65536 + 512 + 3) / DEPTH_MAX)
    handle = np.array([[197121]], dtype=np.int32)  # RLBench's decoder loses the third byte
    np.testing.assert_array_equal(encode_image(handle, "mask"), pixel)


def test_depth_is_rounded_to_the_nearest_code():
    depth = np.array([[0.4, 0.6, 1.5]]) / DEPTH_MAX
    np.testing.assert_array_equal(encode_image(depth, "depth")[0, :, 2], [0, 1, 2])


def test_images_need_not_be_contiguous(tmp_path):
    for kind in KINDS:
        image = picture(kind, size=(16, 16))
        assert (encode_image(image[::-1, ::2], kind) == encode_image(image, kind)[::-1, ::2]).all()


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_a_mask_may_have_one_channel(tmp_path, mode):
    handles = np.arange(100, 112, dtype=np.uint8 if mode == "L" else np.uint16).reshape(3, 4)
    handles = handles if mode == "L" else handles * 100
    Image.fromarray(handles).save(tmp_path / "0.png")
    mask = read_image(tmp_path / "0.png", "mask")
    assert mask.dtype == np.int32
    np.testing.assert_array_equal(mask, handles)


@pytest.mark.parametrize(
    ("kind", "image", "message"),
    [
        ("rgb", np.zeros((4, 4, 3)), "uint8"),
        ("rgb", np.zeros((4, 4), np.uint8), "(H, W, 3)"),
        ("depth", np.full((4, 4), 1.2), "metres"),
        ("depth", np.full((4, 4), np.nan), "[0, 1]"),
        ("depth", np.zeros((4, 4), np.uint8), "float"),
        ("mask", np.full((4, 4), -1), "2^24"),
        ("mask", np.full((4, 4), 2**24), "2^24"),
        ("mask", np.zeros((4, 4)), "integer"),
    ],
)
def test_an_image_that_cannot_be_stored_is_refused(tmp_path, kind, image, message):
    with pytest.raises(ValueError, match="7.png") as caught:
        write_image(tmp_path / "7.png", image, kind)
    assert message in str(caught.value)
    assert not (tmp_path / "7.png").exists()


def damaged(path, how):
    data = bytearray(path.read_bytes())
    if how == "truncated":
        data = data[: len(data) // 2]
    elif how == "flipped byte":
        data[len(data) // 2] ^= 0x55
    elif how == "empty":
        data = bytearray()
    elif how == "text":
        data = bytearray(b"version https://git-lfs.github.com/spec/v1\n")
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["truncated", "flipped byte", "empty", "text"])
def test_a_broken_png_is_named(tmp_path, how):
    path = tmp_path / "3.png"
    write_image(path, picture("rgb"), "rgb")
    damaged(path, how)
    with pytest.raises(DatasetError, match=r"3\.png: not a readable PNG .* again"):
        read_image(path, "rgb")


def test_a_missing_png_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"5\.png: missing image"):
        read_image(tmp_path / "5.png", "rgb")


def test_a_wrong_pixel_format_is_named(tmp_path):
    Image.new("RGBA", (4, 4)).save(tmp_path / "0.png")
    with pytest.raises(DatasetError, match=r"0\.png: a depth image must be RGB, this one is RGBA"):
        read_image(tmp_path / "0.png", "depth")
    Image.new("L", (4, 4)).save(tmp_path / "1.png")
    with pytest.raises(DatasetError, match=r"1\.png: a rgb image must be RGB, this one is L"):
        read_image(tmp_path / "1.png", "rgb")
