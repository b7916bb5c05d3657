"""The README's animated picture: one task in few frames, and the picture that is shipped."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("diffusers")
from PIL import Image, ImageSequence

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import draw_agent

WIDTH = 2 * draw_agent.SIZE + 3 * draw_agent.GAP
HEIGHT = draw_agent.SIZE + draw_agent.TOP + draw_agent.GAP


def frames_of(path):
    """Return the frames, (H, W, 3) int each, and how long each is shown, in milliseconds."""
    with Image.open(path) as picture:
        assert picture.format == "GIF"
        assert picture.is_animated
        assert picture.info["loop"] == 0  # for ever
        both = [
            (np.asarray(frame.convert("RGB")).astype(int), frame.info["duration"])
            for frame in ImageSequence.Iterator(picture)
        ]
    return [frame for frame, _ in both], [duration for _, duration in both]


def changed(one, other):
    """Return the shares of the left and of the right side's pixels that differ clearly."""
    differs = np.abs(one - other).max(axis=2)[draw_agent.TOP :] > 30
    return differs[:, : WIDTH // 2].mean(), differs[:, WIDTH // 2 :].mean()


@pytest.mark.usefixtures("one_torch_thread")
def test_the_arm_moves_and_each_decision_draws_anew(tmp_path):
    draw_agent.draw(tmp_path / "agent.gif", ("push_button",), stride=10)
    assert [path.name for path in tmp_path.iterdir()] == ["agent.gif"]
    frames, durations = frames_of(tmp_path / "agent.gif")
    assert {frame.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert set(durations) == {draw_agent.DRAWING, 500, draw_agent.END}
    assert [durations[0], durations[-1]] == [draw_agent.DRAWING, draw_agent.END]
    assert durations.count(draw_agent.DRAWING) >= 3
    for before, after, duration in zip(frames[:-1], frames[1:], durations[1:], strict=True):
        left, right = changed(before, after)
        if duration == draw_agent.DRAWING:
            assert left == 0 < 0.01 < right  # new spheres, the arm rests
        if duration == 500:
            assert right == 0 < 0.001 < left  # the same spheres, the arm moves


def test_the_readme_s_picture_is_small_and_animated():
    path = ROOT / "data" / "pictures" / "agent.gif"
    assert path.stat().st_size < 3_000_000
    assert path.name in (ROOT / "README.md").read_text(encoding="utf-8")
    frames, durations = frames_of(path)
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    assert durations.count(draw_agent.END) == len(draw_agent.TASKS)
    assert sorted(set(durations)) == [50 * draw_agent.STRIDE, draw_agent.DRAWING, draw_agent.END]
