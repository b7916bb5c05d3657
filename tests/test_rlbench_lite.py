"""RLBench's demonstrations: taken apart, learned from, measured, and acted on in its double."""

import lzma
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from miniature import miniature

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.controller.sources import MotionSource
from genima_lite.datasets import shards
from genima_lite.datasets.demonstrations import read_demos, recorded
from genima_lite.datasets.motions import motion_kind, rlbench_motion
from genima_lite.demos.layout import DatasetError, iterate_episodes
from genima_lite.demos.packed import packed_episodes
from genima_lite.demos.split import pieces, sized, stored_in, write_pieces
from genima_lite.demos.write import write_episode
from genima_lite.errors import UserError
from genima_lite.evaluation.rollout import evaluate
from genima_lite.files import read_json
from genima_lite.observation import Demo
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.recipes._report import _body, _Measured
from genima_lite.recipes._run import claim_run, recipe_stages
from genima_lite.recipes._tasks import TASKS as BENCH_TASKS
from genima_lite.recipes.api import load_recipe, steps_of
from genima_lite.rlbench import TABLE
from genima_lite.targets.find import find_spheres, plausible_radii
from genima_lite.targets.views import draw_targets
from genima_lite.tiling import TILE_ORDER

REAL = Path(__file__).parent / "data/real_rlbench"
TASK = "push_button"

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def real():
    ((stored),) = packed_episodes(REAL)
    return stored.read()


def plain(demo):
    """A demonstration without pictures."""
    return Demo([replace(seen, **dict.fromkeys(seen.images())) for seen in demo])


# ------------------------------------------------------------------------------ reading


def test_a_real_packed_demonstration_is_whole(real):
    joints = np.stack([seen.joint_positions for seen in real])
    _, tips = panda.forward_kinematics(joints)
    said = np.stack([seen.gripper_pose for seen in real])
    np.testing.assert_allclose(tips[:, :3, 3], said[:, :3], atol=2e-3)
    assert len(real) == 39
    for camera in TILE_ORDER:
        views = np.stack([seen.image(camera) for seen in real])
        assert views.shape == (len(real), 64, 64, 3)
        assert real[0].misc[f"{camera}_camera_intrinsics"][0, 2] == 32
    assert np.abs(np.diff(views.astype(int), axis=0)).max() > 50, "the film shows a motion"


def test_targets_drawn_on_real_views_are_found_again(real):
    drawn = draw_targets(real, 0)
    for camera in ("front", "left_shoulder", "right_shoulder"):
        lens = Camera.from_observation(real[0], camera).intrinsics
        found = find_spheres(drawn.views[camera], lens, plausible_radii(camera, lens))
        labels = drawn.labels[camera]
        for number, joint in enumerate(("gripper", "base", "elbow", "wrist")):
            if labels.visible[number] and labels.shares[number] > 0.6 and joint in found:
                away = np.linalg.norm(found[joint].pixel - labels.pixels[number])
                assert away < 2.0, (camera, joint)
        assert found


def test_a_film_of_another_length_is_refused(tmp_path):
    folder = shutil.copytree(REAL / TASK, tmp_path / TASK)
    other = folder / "0/wrist.mkv"
    other.write_bytes(b"no film")
    with pytest.raises(DatasetError, match=r"wrist\.mkv: no readable film"):
        packed_episodes(tmp_path)[0].read()


def table_of(path, demos):
    """Write a table of demonstrations without pictures."""
    frames = [seen for demo in demos for seen in demo]
    nothing = np.full(8, np.nan)
    arrays = {
        name: np.stack([np.asarray(getattr(seen, name)) for seen in frames])
        for name in ("joint_positions", "gripper_open", "gripper_pose")
    }
    actions = [seen.misc.get("joint_position_action", nothing) for seen in frames]
    np.savez(
        path,
        **arrays,
        action=np.stack(actions),
        task=np.array([TASK] * len(demos)),
        episode=np.arange(len(demos)),
        frames=np.array([len(demo) for demo in demos]),
        instruction=np.array(["push the button"] * len(demos)),
    )


def test_a_table_has_the_states_of_many(real, tmp_path):
    table_of(tmp_path / "lowdim.npz", [real, Demo(list(real)[5:])])
    one, other = packed_episodes(tmp_path)
    assert not one.pictures
    assert (one.episode, other.episode, other.sentences()) == (0, 1, ["push the button"])
    first, second = one.read(), other.read()
    np.testing.assert_array_equal(first[5].joint_positions, second[0].joint_positions)
    np.testing.assert_array_equal(first.actions(), real.actions())
    for mine, theirs in zip(first, real, strict=True):
        away = np.stack(mine.misc["joint_poses"]) - np.stack(theirs.misc["joint_poses"])
        assert np.abs(away[:, :3]).max() < 2e-3


def test_a_broken_table_is_refused(tmp_path):
    np.savez(tmp_path / "lowdim.npz", task=np.array(["a"]))
    with pytest.raises(DatasetError, match="not such a table"):
        packed_episodes(tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("frames", lambda a: -a, "frames has no numbers from 1"),
        ("frames", lambda a: a + 0.5, "frames is of type float64"),
        ("episode", lambda a: a - 9, "episode has numbers below 0"),
        ("task", lambda a: np.arange(len(a)), "task is of type int64"),
        ("joint_positions", lambda a: a * np.nan, "joint_positions holds NaN"),
        ("gripper_pose", lambda a: 0 * a, "gripper_pose"),
        ("joint_positions", lambda a: np.rad2deg(a), "is it in degrees"),
        ("instruction", lambda a: np.array(["\x1b[2J"] * len(a)), "no instruction"),
        ("task", lambda a: np.array(["../evil"] * len(a)), "no name of a task"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_damaged_values_in_a_table_are_refused(real, tmp_path, name, change, words):
    path = tmp_path / "lowdim.npz"
    table_of(path, [real])
    with np.load(path) as whole:
        np.savez(path, **{**whole, name: change(whole[name])})
    with pytest.raises(DatasetError, match=words):
        list(write_pieces(tmp_path / "out", pieces(stored_in(tmp_path), 0.1), 64))
    assert not [each for each in tmp_path.rglob("*") if each.is_file() and each != path]


def test_packed_files_that_would_grow_huge_or_never_end_are_refused(tmp_path):
    folder = shutil.copytree(REAL / TASK, tmp_path / TASK) / "0"
    (stored,) = packed_episodes(tmp_path)
    (folder / "low_dim_obs.pkl.xz").write_bytes(lzma.compress(bytes(200 * 2**20), preset=0))
    with pytest.raises(DatasetError, match=r"pkl\.xz: .*too large for its bytes"):
        stored.read()
    shutil.copy(REAL / TASK / "0/low_dim_obs.pkl.xz", folder)
    (folder / "wrist.mkv").unlink()
    os.mkfifo(folder / "wrist.mkv")
    with pytest.raises(UserError, match=r"wrist\.mkv: a pipe"):
        stored.read()


# ------------------------------------------------------------------------------ taking apart


@pytest.fixture(scope="module")
def states(real, tmp_path_factory):
    """RLBench's layout: 21 demonstrations of a task in two variations, one of another."""
    root, short = tmp_path_factory.mktemp("states"), Demo(list(plain(real))[:4])
    for number in range(21):
        write_episode(short, root, TASK, number % 2, number // 2, ["push it", "x " * 40])
    write_episode(short, root, "open_box", 0, 0, ["open it"])
    return root


def test_the_last_tenth_of_each_task_is_held_out_and_of_one_none(states, tmp_path):
    made = pieces(stored_in(states), 0.1)
    held_out = [each.stored for each in made if each.folder.endswith("held_out")]
    assert [(e.task, e.variation, e.episode) for e in held_out] == [(TASK, 1, 9), (TASK, 0, 10)]
    for _ in write_pieces(tmp_path, made, 64, lambda said: len(said) < 40):
        pass
    train, rest = (recorded([tmp_path / "states" / part]) for part in ("train", "held_out"))
    assert (len(train), len(rest)) == (20, 2)
    assert {each.episode.task for each in train} == {TASK, "open_box"}
    assert train[0].sentences != train[-1].sentences
    assert rest[0].sentences == ["push it"], "what a model cannot read is left out"
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.pkl")}
    assert len(list(write_pieces(tmp_path, made, 64))) == 22
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.pkl")}


def test_sentences_that_nobody_can_read_are_named(states, tmp_path):
    made = pieces(stored_in(states, ["open_box"]), 0.1)
    with pytest.raises(UserError, match="open_box, variation 0: no sentence .* 'open it'"):
        list(write_pieces(tmp_path, made, 64, lambda _: False))


def test_larger_pictures_become_smaller_with_their_cameras(real):
    small = sized(real, 32)
    front = real[0].front_rgb.reshape(32, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(small[0].front_rgb - front).max() <= 1
    np.testing.assert_allclose(
        small[0].misc["front_camera_intrinsics"][:2],
        real[0].misc["front_camera_intrinsics"][:2] / 2,
    )
    assert real[0].front_rgb.shape == (64, 64, 3)
    with pytest.raises(DatasetError, match="64x64 pixels, wanted .* 128"):
        sized(real, 128)


def test_a_folder_without_demonstrations_is_refused(tmp_path):
    with pytest.raises(UserError, match="no demonstrations; give the folder"):
        stored_in(tmp_path)


# ------------------------------------------------------------------------------ motions


def test_generated_motions_are_rlbenchs():
    motions = [rlbench_motion(np.random.default_rng([3, i])) for i in range(12)]
    joints = np.concatenate([each.joints for each in motions])
    assert (joints >= panda.LOWER).all()
    assert (joints <= panda.UPPER).all()
    _, tips = panda.forward_kinematics(joints)
    down = -tips[:, 2, 2]
    assert 0.2 < (down < 0.7).mean() < 0.9, "side grips and grips from above"
    assert tips[:, 2, 3].min() > TABLE - 0.01
    for each in motions:
        reached = np.diff(each.joints, axis=0)
        asked = each.actions[:, :7] - each.joints[:-1]
        np.testing.assert_allclose(reached, 0.64 * asked, atol=1e-12)
        assert np.linalg.norm(reached, axis=1).max() * 20 < 2.1, "rad/s of RLBench's demonstrations"
        assert np.abs(each.joints[-1] - each.joints[-2]).max() < 1e-6, "it ends at rest"
    same = rlbench_motion(np.random.default_rng([3, 0]))
    np.testing.assert_array_equal(same.joints, motions[0].joints)


def test_unknown_motions():
    with pytest.raises(UserError, match="unknown kind of motions 'robot': choose from bench"):
        motion_kind("robot")
    assert MotionSource.__init__.__defaults__[-1] == "bench"


# ------------------------------------------------------------------------------ the recipe


def test_without_a_folder():
    with pytest.raises(UserError, match="give the folder of demonstrations with --demos"):
        load_recipe("rlbench-lite").resolved()


def test_without_pictures_the_controller_learns_alone(states):
    recipe = replace(load_recipe("rlbench-lite"), demos=str(states)).resolved()
    assert list(steps_of(recipe)) == ["data", "bench", "controller", "report"]
    assert recipe.policies() == {"oracle": "controller"}
    assert recipe.controller.demos == ("data/states/train",)
    assert recipe.controller.held_out == "data/states/held_out"
    assert recipe.controller.tasks == tuple(sorted({"open_box", TASK, *BENCH_TASKS}))
    assert recipe.controller.other_demos == ("bench",)
    assert recipe.controller.drawings == recipe.controller.mixture.drawings == 0
    assert recipe.report.held_out_states == ("data/states/held_out",)
    assert not recipe.report.trained_on


def test_a_controller_for_rlbench_alone(states):
    recipe = load_recipe("rlbench-lite")
    mixture = replace(recipe.controller.mixture, other_demonstrations=0)
    controller = replace(recipe.controller, mixture=mixture)
    recipe = replace(recipe, demos=str(states), controller=controller).resolved()
    assert list(steps_of(recipe)) == ["data", "controller", "report"]
    assert recipe.controller.tasks == ("open_box", TASK)
    assert recipe.controller.other_demos == ()
    assert recipe.controller.sources == ["motions", "demonstrations"]


def test_another_size_of_views_reaches_both_stages():
    recipe = replace(load_recipe("rlbench-lite"), demos=str(REAL), view_size=32).resolved()
    assert recipe.diffusion.view_size == recipe.controller.network.image_size == 32
    assert recipe.data.view_size == 32
    assert recipe.controller.begin is None, "the shipped controller sees 64 pixels"
    assert recipe.report.compared is None
    assert recipe.report.trained_on, "there is one demonstration, nothing is held out"


@pytest.mark.usefixtures("double")
def test_both_stages_learn_from_real_demonstrations_and_act_in_rlbench(
    real, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(shards, "SHARD", 4)
    given, out = tmp_path / "given", tmp_path / "out"
    shutil.copytree(REAL, given)
    table_of(given / "lowdim.npz", [real, real])
    recipe = replace(load_recipe("rlbench-lite"), demos=str(given))
    small = miniature(recipe, 0.0002).resolved()
    assert list(steps_of(small)) == ["data", "bench", "diffusion", "controller", "report"]
    for _ in range(2):  # the second time nothing is left to do
        claim_run(out, small)
        for stage in recipe_stages(out, small):
            stage.run(*stage.arguments, lambda *_: None)
        made = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert made == {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert read_json(out / "data/split.json") == {
        "pictures/train": {TASK: 1}, "states/held_out": {TASK: 1}, "states/train": {TASK: 1}
    }  # fmt: skip
    check_report(out / "report", real)
    assert len(list(iterate_episodes(out / "data/pictures/train"))) == 1
    assert len(list(iterate_episodes(out / "bench"))) == 1
    ((demo, _),) = read_demos(out / "data/pictures/train")
    np.testing.assert_array_equal(demo[3].wrist_rgb, real[3].wrist_rgb)
    make = PolicyFactory("genima", PolicySettings(out), backend="rlbench")
    (result,) = evaluate(make, [TASK], 1, 7)
    assert result.error is None
    assert result.steps > 0


def check_report(folder, real):
    numbers = read_json(folder / "report.json")
    assert numbers["trained_on"]
    score = numbers["drawing"][TASK]
    assert score["frames"] == numbers["drawing"]["all"]["frames"] > 2
    assert 0 <= score["misses"] <= 1
    found = numbers["controller"][TASK]
    assert found["decisions"] == 2 * score["frames"], "the held-out one without pictures, too"
    for kind in ("true", "drawn"):
        for way in ("network", "fitted"):
            assert 0 < found[kind][way]["tip"] <= found[kind][way]["tip_90"] < 2000
            assert 0 < found[kind][way]["joints"] < 180
    assert found["true"]["fitted"]["tip"] < 60, "it began from the shipped controller"
    assert numbers["compared"][TASK]["true"]["fitted"]["tip"] < 20
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "none was held out" in page
    assert "drawings.png" in page
    assert (folder / "drawings.png").stat().st_size > 1000


def test_what_nothing_was_drawn_for_has_no_columns_on_the_page(tmp_path):
    found = {"tip": 1.0, "tip_90": 2.0, "joints": 3.0, "joints_90": 4.0}
    true, none = {"network": found, "fitted": found}, {"network": None, "fitted": None}
    rows = {"all": {"decisions": 3, "true": true, "drawn": none}}
    numbers = {"drawing": None, "controller": rows, "compared": rows}
    body = "".join(_body(tmp_path, _Measured([], [], numbers)))
    assert body.count("true targets, fitted") == 2
    assert "drawn targets" not in body
    assert body.index("<h3>The controller</h3>") < body.index("<h3>The one it began from</h3>")
    rows["all"]["drawn"] = true
    assert "drawn targets, network" in "".join(_body(tmp_path, _Measured([], [], numbers)))
