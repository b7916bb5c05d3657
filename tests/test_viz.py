"""Filmstrip, video and `view`: what is drawn is the demonstration's data."""

import base64
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from genima_lite import cli, commands
from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation
from genima_lite.tiling import TILE_ORDER, tile, untile
from genima_lite.viz import episode_frames, filmstrip, show_episode, write_video
from genima_lite.viz.curves import gripper_spans, spread
from genima_lite.viz.video import CURSOR

ROOT = Path(__file__).parent / "data/sample_rlbench"
SAMPLE = ROOT / "open_box/variation0/episodes/episode0"
STEPS = 12


def make_demo(cameras=TILE_ORDER, steps=STEPS, size=32):
    """Make a demo of random walks whose views have one colour a camera and step."""
    rng = np.random.default_rng(0)
    joints = np.cumsum(rng.normal(0, 0.1, (steps, 7)), axis=0)
    demo = Demo()
    for step in range(steps):
        obs = Observation(joint_positions=joints[step], gripper_open=float(step < steps // 2))
        for index, camera in enumerate(cameras):
            colour = (60 * index, 255 - 15 * step, 10 * step)
            setattr(obs, f"{camera}_rgb", np.full((size, size, 3), colour, np.uint8))
        if step:
            obs.misc["joint_position_action"] = np.append(joints[step] + 0.01, 1.0)
        demo._observations.append(obs)
    return demo


def curves(figure):
    """Return the joints' lines by label, and the axes they are in."""
    found = {
        line.get_label(): (line, axes)
        for axes in figure.axes
        for line in axes.lines
        if str(line.get_label()).startswith("joint")
    }
    return {label: line for label, (line, _) in found.items()}, next(iter(found.values()))[1]


def pictures(figure):
    return [axes for axes in figure.axes if axes.images]


def decode(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return frames, stream


@pytest.mark.parametrize(
    ("frames", "steps"),
    [(1, [5]), (2, [0, 11]), (3, [0, 6, 11]), (12, range(12)), (50, range(12))],
)
def test_a_filmstrip_shows_the_frames_asked_for(frames, steps):
    demo = make_demo()
    shown = pictures(filmstrip(demo, frames))
    assert len(shown) == len(steps)
    for axes, step in zip(shown, steps, strict=True):
        views = {camera: demo[step].image(camera) for camera in TILE_ORDER}
        np.testing.assert_array_equal(axes.images[0].get_array(), tile(views))
        assert axes.get_xlabel() == f"{step * 0.05:.2f} s"


def test_the_curves_are_the_demos_joints():
    demo = make_demo()
    lines, _ = curves(filmstrip(demo))
    assert len(lines) == 14
    seconds = np.arange(STEPS) / 20
    for joint in range(7):
        measured = [obs.joint_positions[joint] for obs in demo._observations]
        commanded = demo.actions()[:, joint]
        line = lines[f"joint {joint + 1}, measured"]
        np.testing.assert_allclose(line.get_xydata(), np.stack([seconds, measured], axis=1))
        line = lines[f"joint {joint + 1}, commanded"]
        expected = np.stack([seconds[1:], commanded], axis=1)
        np.testing.assert_allclose(line.get_xydata()[1:], expected)
        assert np.isnan(line.get_ydata()[0])


def test_without_recorded_commands_only_measured_joints_are_drawn():
    demo = make_demo()
    for obs in demo._observations:
        obs.misc.clear()
    lines, _ = curves(filmstrip(demo))
    assert sorted(lines) == [f"joint {joint}, measured" for joint in range(1, 8)]


@pytest.mark.parametrize("frames", [1, 2, 4, 12])
def test_each_picture_stands_above_its_moment(frames):
    figure = filmstrip(make_demo(), frames)
    _, axes = curves(figure)
    middles = [(box.x0 + box.x1) / 2 for box in (a.get_window_extent() for a in pictures(figure))]
    times = [float(a.get_xlabel().removesuffix(" s")) for a in pictures(figure)]
    marks = [axes.transData.transform((time, 0))[0] for time in times]
    half_a_step = axes.transData.transform((0.025, 0))[0] - axes.transData.transform((0, 0))[0]
    np.testing.assert_allclose(middles, marks, atol=half_a_step + 1e-6)


def test_the_names_of_the_curves_do_not_overlap():
    demo = make_demo()
    for obs in demo._observations:
        obs.joint_positions = np.array([0, 0, 0, 0, 0.001, 0, 1.0])
    figure = filmstrip(demo)
    _, axes = curves(figure)
    assert len(axes.texts) == 7
    pixels = axes.transData.transform([text.xyann for text in axes.texts])
    font_pixels = axes.texts[0].get_fontsize() / 72 * figure.dpi
    assert np.diff(np.sort(pixels[:, 1])).min() > font_pixels


def test_spread_keeps_order_and_leaves_what_is_apart():
    values = np.array([0.0, 10.0, 0.1, -5.0])
    placed = spread(values, 1.0)
    np.testing.assert_allclose(placed, [-0.45, 10.0, 0.55, -5.0], atol=1e-6)


def test_the_gripper_changes_between_two_steps():
    spans = gripper_spans(make_demo(steps=4))
    np.testing.assert_allclose(spans, [(0, 0.075, True), (0.075, 0.15, False)])
    demo = make_demo(steps=3)
    demo[0].gripper_open = None
    np.testing.assert_allclose(gripper_spans(demo), [(0.025, 0.1, False)])


@pytest.mark.parametrize(
    ("cameras", "shape"),
    [
        (("front",), (32, 32)),
        (("wrist", "left_shoulder"), (32, 64)),
        (("wrist", "right_shoulder", "left_shoulder"), (64, 64)),
    ],
)
def test_the_cameras_that_are_there_are_shown(cameras, shape):
    demo = make_demo(cameras)
    picture = pictures(filmstrip(demo, 2))[0].images[0].get_array()
    assert picture.shape == (*shape, 3)
    if len(cameras) == 3:
        views = untile(np.asarray(picture))
        assert len(np.unique(views.pop("front"))) == 1
        for camera, view in views.items():
            np.testing.assert_array_equal(view, demo[0].image(camera))
    assert next(episode_frames(demo)).shape == (512, 1152, 3)


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (lambda demo: demo._observations.clear(), "no steps"),
        (lambda demo: setattr(demo[3], "joint_positions", None), "without joint positions"),
        (lambda demo: setattr(demo[0], "front_rgb", np.zeros((8, 8, 3), np.uint8)), "front is"),
    ],
)
@pytest.mark.parametrize("draw", [filmstrip, lambda demo: list(episode_frames(demo))])
def test_what_cannot_be_drawn_is_said(corrupt, message, draw):
    demo = make_demo()
    corrupt(demo)
    with pytest.raises(UserError, match=message):
        draw(demo)


def test_no_camera_to_tile_and_no_frames_are_errors():
    with pytest.raises(UserError, match="present: overhead_rgb"):
        filmstrip(make_demo(["overhead"]))
    with pytest.raises(UserError, match="at least one frame"):
        filmstrip(make_demo(), 0)


def test_frames_of_an_episode_show_views_and_cursor():
    demo = make_demo()
    frames = list(episode_frames(demo, "task", "do it"))
    assert len(frames) == STEPS
    assert {frame.shape for frame in frames} == {(512, 1152, 3)}
    assert frames[0].dtype == np.uint8
    columns = []
    for step, frame in enumerate(frames):
        for camera, view in untile(frame[:, :512]).items():
            np.testing.assert_array_equal(view[200, 200], demo[step].image(camera)[0, 0])
        cursor = (frame == CURSOR).all(axis=2).sum(axis=0)
        columns.append(int(np.flatnonzero(cursor > 250).mean()))
    assert np.ptp(np.diff(columns)) <= 1
    assert min(np.diff(columns)) > 30


def smooth_frames(count, height, width):
    rows, columns = np.mgrid[:height, :width]
    for index in range(count):
        red, green = 255 * rows / height, 255 * columns / width
        frame = np.stack([red, green, np.full_like(red, 20 * index)], axis=2)
        yield frame.astype(np.uint8)


def test_a_video_decodes_to_its_frames(tmp_path):
    path = tmp_path / "film.mp4"
    write_video(path, smooth_frames(10, 64, 96), fps=10)
    decoded, stream = decode(path)
    assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    assert stream.average_rate == 10
    assert len(decoded) == 10
    for frame, original in zip(decoded, smooth_frames(10, 64, 96), strict=True):
        assert frame.shape == original.shape
        assert np.abs(frame.astype(int) - original).mean() < 4
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays while it loads


def test_odd_sizes_are_made_even(tmp_path):
    write_video(tmp_path / "film.mp4", smooth_frames(3, 33, 47))
    decoded, _ = decode(tmp_path / "film.mp4")
    assert decoded[0].shape == (34, 48, 3)


def broken_off():
    yield from smooth_frames(5, 32, 32)
    raise RuntimeError("no more light")


def growing():
    yield np.zeros((32, 32, 3), np.uint8)
    yield np.zeros((32, 34, 3), np.uint8)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (broken_off, "no more light"),
        (growing, r"\(32, 32\), then \(32, 34\)"),
        (list, "at least one frame"),
        (lambda: [np.zeros((32, 32, 3))], "float64"),
    ],
)
def test_a_failed_video_leaves_the_old_one_and_nothing_else(tmp_path, frames, message):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"old")
    with pytest.raises((ValueError, RuntimeError), match=message):
        write_video(path, frames())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_show_episode_displays_a_picture_and_a_player(tmp_path):
    view = show_episode(SAMPLE)
    (tmp_path / "film.mp4").write_bytes(view.video)
    assert len(decode(tmp_path / "film.mp4")[0]) == 3
    assert view.filmstrip.png().startswith(b"\x89PNG")
    titles = {text.get_text() for text in view.filmstrip.texts}
    assert titles == {"open_box", "“synthetic instruction one”"}


def test_in_jupyter_both_are_embedded(monkeypatch):
    display = pytest.importorskip("IPython.display")
    shown = []
    monkeypatch.setattr(display, "display", shown.append)
    view = show_episode(make_demo(), "a title")
    view._ipython_display_()
    figure, video = shown
    assert figure is view.filmstrip
    assert base64.b64encode(view.video).decode() in video._repr_html_()
    assert "aria-label=" in video._repr_html_()


def test_importing_viz_needs_no_ipython():
    code = "import sys, genima_lite.viz; print('IPython' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_view_writes_both_files(tmp_path, capsys):
    assert commands.view([])(ROOT, out=tmp_path / "new/folder") == 0
    name = tmp_path / "new/folder/open_box_variation0_episode0"
    png, mp4 = name.with_suffix(".png"), name.with_suffix(".mp4")
    assert capsys.readouterr().out.split() == [str(png), str(mp4)]
    assert sorted(name.parent.iterdir()) == sorted([png, mp4])
    with Image.open(png) as image:
        assert image.width > 1000
    assert len(decode(mp4)[0]) == 3


def test_view_takes_the_episode_asked_for(tmp_path):
    data = tmp_path / "data"
    for task, variation, episode in [("open_box", 0, 10), ("open_box", 0, 9), ("close_jar", 2, 0)]:
        shutil.copytree(SAMPLE, data / task / f"variation{variation}/episodes/episode{episode}")
    commands.view([])(data, out=tmp_path / "a")
    commands.view([])(data, task="open_box", out=tmp_path / "a")
    commands.view([])(data, episode=10, out=tmp_path / "a")
    assert sorted(path.stem for path in (tmp_path / "a").glob("*.png")) == [
        "close_jar_variation2_episode0",
        "open_box_variation0_episode10",
        "open_box_variation0_episode9",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "jump"], "no task jump (present: open_box)"),
        (["--variation", "7"], "no variation 7 (present: 0)"),
        (["--episode", "7"], "no episode 7 (present: 0)"),
    ],
)
def test_view_says_what_is_there(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.setattr(sys, "argv", ["genima-lite", "view", str(ROOT), *words])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_view_of_a_dataset_without_pictures_or_episodes(tmp_path):
    shutil.copytree(ROOT, tmp_path / "data", ignore=shutil.ignore_patterns("*_rgb"))
    with pytest.raises(UserError, match=r"no RGB views of wrist, front.*front_depth"):
        commands.view([])(tmp_path / "data", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=re.escape(f"{tmp_path / 'empty'}: no episodes")):
        commands.view([])(tmp_path / "empty")
