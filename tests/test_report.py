"""The report: its numbers are the JSON's, its links are files, and no name can break it."""

import json
import subprocess
import sys
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from genima_lite import cli
from genima_lite.demos.layout import SCENE_STATE, episode_folder
from genima_lite.demos.object_positions import demonstrated_places
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.tasks.push_button import PushButton
from genima_lite.errors import UserError
from genima_lite.evaluation.recording import FILM_SIZE, RecordedStep, Recorder
from genima_lite.evaluation.report import write_report
from genima_lite.evaluation.rollout import evaluate, run_episode
from genima_lite.evaluation.statistics import EpisodeResult, results_document
from genima_lite.panda import Unreachable
from genima_lite.policies.api import Decision, PolicyFactory
from genima_lite.targets.expert_targets import ExpertTargets
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.drawn_strip import drawn_strip
from genima_lite.viz.pose_scatter import pose_scatter, shown_pieces
from genima_lite.viz.report_figures import curves_figure, success_figure, time_figure

TASK = "push_button"
VOID = {"img", "meta", "br"}


class FollowsThePlan:
    """Draws the expert's true targets, and drives from one to the next."""

    def __init__(self, env):
        self._env = env

    def reset(self, instruction, seed):
        self.expert = ExpertTargets(self._env)
        self._frame = 0

    def act(self, observation):
        drawn = self.expert.draw(observation, self._frame, TILE_ORDER)
        target = int(self.expert.targets[self._frame])
        first = min(self._frame + 1, target)
        self._frame = target
        actions = self.expert.plan[first : target + 1]
        return Decision(actions, drawn, {"draw": 0.002, "control": 0.001})


class Page(HTMLParser):
    """Links, text, tags and tables of a page; a tag that is not closed in order is an error."""

    def __init__(self, path):
        super().__init__()
        self.links, self.text, self.tags, self.rows = [], "", [], []
        self._open = []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "poster")]
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" in self._open:
            return
        self.text += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data + " "


def words(cell):
    return cell.replace(",", "").split()


@pytest.fixture(scope="module")
def followed():
    """One recorded episode of a policy that draws, through small pictures."""
    env = BenchEnv(TASK, TILE_ORDER, 32)
    recorder = Recorder("follower")
    result = run_episode(env, FollowsThePlan(env), 2001, 0, recorder)
    env.close()
    return result, recorder.recordings


@pytest.fixture(scope="module")
def report(followed, tmp_path_factory):
    """A report's folder with three policies: two that see nothing, and one that draws."""
    folder = tmp_path_factory.mktemp("report")
    documents, recordings = [], list(followed[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PushButton, "time_limit", 80)
        for policy in ("expert", "random"):
            recorder = Recorder(policy, each=1)
            results = list(evaluate(PolicyFactory(policy), [TASK], 2, 1000, recorder=recorder))
            settings = {"policy": policy, "command": f"genima-lite eval --policy {policy}"}
            documents.append(results_document(settings, results))
            recordings += recorder.recordings
    documents.append(results_document({"policy": "follower"}, [followed[0]]))
    curve = {"label": "loss", "minutes": [0, 1, 2], "y": [3.0, 0.5, 0.1]}
    training = {"minutes": {"controller": 2.0}, "curves": [curve]}
    write_report(folder, documents, recordings, training)
    return folder


def test_all_links_are_files_of_the_folder(report):
    page = Page(report / "report.html")
    assert "script" not in page.tags
    assert len(page.links) > 10
    for link in page.links:
        assert link == Path(link).name
        assert (report / link).stat().st_size > 0
    beside = {path.name for path in report.iterdir()} - {"report.html", "results.json"}
    assert beside == set(page.links)
    for name in beside:
        if name.endswith(".png"):
            with Image.open(report / name) as picture:
                picture.verify()


def test_the_table_holds_the_jsons_numbers(report):
    policies = json.loads((report / "results.json").read_text())["policies"]
    assert list(policies) == ["expert", "random", "follower"]
    rows = Page(report / "report.html").rows
    assert [cell.strip() for cell in rows[0]] == ["task", *policies]
    for row, pick in ((rows[1], lambda d: d["summary"][TASK]), (rows[2], mean)):
        for cell, document in zip(row[1:], policies.values(), strict=True):
            expected = pick(document)
            low, high = (f"{100 * edge:.0f}" for edge in expected["interval_95"])
            counts = f"{expected['successes']}/{expected['n']}"
            assert words(cell) == [f"{expected['rate']:.1%}", f"{low}–{high}", counts]
    assert (rows[1][0].strip(), rows[2][0].strip()) == ("push button", "mean over tasks")


def mean(document):
    return document["mean_over_tasks"]


def test_failures_and_commands_are_there(report):
    page = Page(report / "report.html")
    assert "genima-lite eval --policy random" in page.text
    results = json.loads((report / "results.json").read_text())["policies"]["random"]
    failed = results["summary"][TASK]["failures"]
    assert failed
    for failure in failed:
        expected = ["random", "push button", str(failure["variation"]), str(failure["seed"])]
        assert any([cell.strip() for cell in row[:4]] == expected for row in page.rows)


def test_who_draws_nothing_is_named_and_gets_no_filmstrip(report, tmp_path):
    names = [path.name for path in report.glob("drawn_*")]
    assert names == ["drawn_push_button_follower_2001.png"]
    text = Page(report / "report.html").text
    for policy in ("expert", "random"):
        assert f"No filmstrip of {policy}: it draws no targets." in text
    assert "No filmstrip of follower" not in text
    page = Page(write_report(tmp_path, [document("expert", {TASK: [True]})]))
    assert "No filmstrip of expert: no episode of it was recorded." in page.text
    assert "No episode was filmed." in page.text
    assert "Learning curves" not in page.text
    assert not list(tmp_path.glob("drawn_*"))


def document(policy, outcomes, **settings):
    """Make a document of episodes without any simulation."""
    results = [
        EpisodeResult(
            task, i % 2, 2 * i + 1, success, 40, None, None, 2, {"policy": 0.5}, {"b": [0] * 3}
        )
        for task, rows in outcomes.items()
        for i, success in enumerate(rows)
    ]
    return results_document({"policy": policy, **settings}, results)


def test_wilson_intervals_in_the_table(tmp_path):
    ten = [True] * 7 + [False] * 3
    first = document("act", {"a": ten, "b": [False] * 10})
    second = document("act", {"a": ten, "b": [True] * 5})
    page = Page(write_report(tmp_path, [first, second], title="Two"))
    # Wilson 7/10: 0.397 to 0.892; 0/10: 0 to 0.278; 7/20: 0.181 to 0.567; 5/5: 0.566 to 1
    assert [cell.strip() for cell in page.rows[0]] == ["task", "act", "act (2)"]
    assert [words(cell) for cell in page.rows[1][1:]] == [["70.0%", "40–89", "7/10"]] * 2
    assert words(page.rows[2][1]) == ["0.0%", "0–28", "0/10"]
    assert words(page.rows[2][2]) == ["100.0%", "57–100", "5/5"]
    assert words(page.rows[3][1]) == ["35.0%", "18–57", "7/20"]
    assert words(page.rows[3][2]) == ["85.0%", "12/15"]  # tasks of different n: no interval
    assert page.text.strip().startswith("Two")


def test_rates_of_few_episodes_are_said_to_rank_nobody(tmp_path):
    warning = "of a task no rate of a single task ranks policies"
    few = Page(write_report(tmp_path / "few", [document("act", {"a": [True] * 9})]))
    assert f"With 9 episodes {warning}" in " ".join(few.text.split())
    enough = Page(write_report(tmp_path / "enough", [document("act", {"a": [True] * 10})]))
    assert warning not in " ".join(enough.text.split())


def test_a_report_of_nothing_is_refused(tmp_path):
    with pytest.raises(UserError, match="at least one evaluation"):
        write_report(tmp_path / "report", [])
    assert not (tmp_path / "report").exists()


def test_hostile_names_are_text_and_files_stay_in_the_folder(tmp_path):
    task, policy = '<script>alert("1")</script>$\\frac$', "../../<img src=x onerror=y>&amp;"
    folder = tmp_path / "report"
    page = Page(write_report(folder, [document(policy, {task: [True, False]}, command=task)]))
    assert "script" not in page.tags
    assert "x" not in page.links
    assert task in page.text
    assert policy in page.text
    assert list(tmp_path.iterdir()) == [folder]
    assert all((folder / link).is_file() for link in page.links)


def test_seconds_decisions_and_objects_of_an_episode(followed):
    result, _ = followed
    assert result.success
    assert result.decisions > 2
    assert result.seconds["draw"] == pytest.approx(0.002 * result.decisions)
    assert result.seconds["control"] == pytest.approx(0.001 * result.decisions)
    assert result.seconds["environment"] > 0
    env = BenchEnv(TASK, cameras=())
    env.reset(seed=2001, options={"variation": 0})
    assert list(result.objects) == ["button"]
    np.testing.assert_allclose(result.objects["button"], env.scene.pose("button")[:3, 3])


def test_a_recording_holds_what_was_drawn_beside_expert_targets(followed):
    result, (recording,) = followed
    assert recording.result is result
    assert recording.instruction.startswith("push the")
    assert recording.steps[0].step == 0
    assert 2 < len(recording.steps) <= 6
    for step in recording.steps:
        for camera in TILE_ORDER:
            assert step.seen[camera].shape == (32, 32, 3)
            np.testing.assert_array_equal(step.drawn[camera], step.true[camera])
    assert any((m.seen["front"] != m.drawn["front"]).any() for m in recording.steps)
    assert recording.last.shape == (FILM_SIZE, 2 * FILM_SIZE, 3)
    with av.open(BytesIO(recording.film)) as film:
        assert sum(1 for _ in film.decode(video=0)) == result.steps + 1


def test_the_first_later_failure_is_recorded_too(monkeypatch):
    succeeds = PushButton.success
    monkeypatch.setattr(PushButton, "time_limit", 80)
    monkeypatch.setattr(
        PushButton, "success", lambda self, s: s.variation != 2 and succeeds(self, s)
    )
    recorder = Recorder("expert", each=1)
    results = list(evaluate(PolicyFactory("expert"), [TASK], 4, 1000, recorder=recorder))
    assert [result.success for result in results] == [True, True, False, True]
    assert [each.result.seed for each in recorder.recordings] == [2001, 2005]
    again = recorder.recordings[1].result
    assert (again.success, again.steps) == (False, 80)
    assert recorder.recordings[0].steps == []
    assert recorder.recordings[0].last.shape == (FILM_SIZE, FILM_SIZE, 3)


def test_a_scene_without_a_plan_is_recorded_without_expert_targets(monkeypatch):
    env = BenchEnv(TASK, TILE_ORDER, 32)
    policy, recorder = FollowsThePlan(env), Recorder("follower")

    def refuse(self):
        raise Unreachable("out of reach")

    monkeypatch.setattr(PushButton, "time_limit", 2)
    env.reset(seed=1)
    policy.reset("", 1)
    monkeypatch.setattr(BenchEnv, "expert_stretches", refuse)
    monkeypatch.setattr(policy, "reset", lambda instruction, seed: None)
    run_episode(env, policy, 1, 0, recorder)
    (step,) = recorder.recordings[0].steps
    assert step.drawn is not None
    assert step.true is None
    assert len(drawn_strip([step]).axes) == 2


def test_strips_show_the_given_pictures():
    views = {name: np.full((8, 8, 3), 40 * i, np.uint8) for i, name in enumerate(TILE_ORDER)}
    drawn = {name: view + 1 for name, view in views.items()}
    figure = drawn_strip(
        [RecordedStep(0, views, drawn, views), RecordedStep(20, views, drawn, views)]
    )
    pictures = [axes.images[0].get_array() for axes in figure.axes]
    assert len(pictures) == 6
    assert [int(picture[0, 0, 0]) for picture in pictures] == [0, 0, 1, 1, 0, 0]
    assert [axes.get_xlabel() for axes in figure.axes[-2:]] == ["0.00 s", "1.00 s"]


def points(axes):
    return {each.get_label(): each.get_offsets().tolist() for each in axes.collections}


def test_the_scatter_shows_known_points():
    rows = [({"cup": [0.2, 0.1, 0.75]}, True), ({"cup": [0.3, -0.1, 0.75]}, False)]
    figure = pose_scatter({"a": rows, "b": rows[:1]}, [{"cup": [0.25, 0.0, 0.75]}])
    first, second = figure.axes
    assert points(first) == {
        "training": [[0.0, 0.25]],
        "solved": [[0.1, 0.2]],
        "failed": [[-0.1, 0.3]],
    }
    assert points(second)["failed"] == []
    left, right = first.get_xlim()
    assert left > right  # y grows to the left, as the robot sees it
    markers = {str(each.get_paths()[0].vertices.shape) for each in first.collections[1:]}
    assert len(markers) == 2


def test_pieces_that_move_together_share_a_panel():
    rng = np.random.default_rng(0)
    episodes = []
    for _ in range(4):
        tower = rng.uniform(0, 0.3, 3)
        bearing = rng.uniform(0, 6)
        block = tower + 0.17 * np.array([np.cos(bearing), np.sin(bearing), 0])
        bricks = {f"brick{i}": tower + [0.02 * i, 0, 0] for i in range(3)}
        episodes.append({"tower": tower, **bricks, "block": block})
    assert shown_pieces(episodes) == {"tower": "tower and 3 more", "block": "block"}
    start = [{"start": [x, 0, 0], "cup1": [x, 0, 0], "cup2": [0, x, 0]} for x in (0.1, 0.3)]
    assert shown_pieces(start) == {"start": "start, cup1", "cup2": "cup2"}


def test_the_charts_show_the_given_numbers():
    row = {"n": 10, "rate": 0.7, "interval_95": (0.397, 0.892)}
    (axes,) = success_figure({"act": {"a": row}}).axes
    assert axes.lines[0].get_xdata().tolist() == [70.0]
    np.testing.assert_allclose(axes.collections[0].get_segments()[0][:, 0], [39.7, 89.2])
    seconds = {"genima": {"environment": 0.1, "draw": 0.3, "control": 0.2}}
    bars = time_figure(seconds, seconds).axes[0].patches
    assert [round(bar.get_x() + bar.get_width(), 6) for bar in bars] == [0.1, 0.4, 0.6]
    curve = {"panel": "loss", "minutes": [0, 1], "y": [2.0, 0.01]}
    figure = curves_figure([{**curve, "label": "training"}, {**curve, "label": "held out"}])
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["training", "held out"]
    assert axes.get_yscale() == "log"


def test_places_of_demonstrations_come_from_their_stored_scenes(tmp_path):
    env = BenchEnv(TASK, cameras=())
    env.reset(seed=4, options={"variation": 1})
    for number, state in enumerate(({"task": TASK, **env.scene.state()}, None)):
        folder = episode_folder(tmp_path, TASK, 1, number)
        folder.mkdir(parents=True)
        (folder / "low_dim_obs.pkl").touch()
        if state:
            (folder / SCENE_STATE).write_text(json.dumps(state))
    (places,) = demonstrated_places(tmp_path, TASK)
    np.testing.assert_allclose(places["button"], env.scene.pose("button")[:3, 3])
    assert demonstrated_places(tmp_path, "lamp_on") == []


def test_eval_writes_a_report(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "new" / "report"
    words = ["eval", "--tasks", TASK, "--episodes", "1", "--report", str(folder)]
    monkeypatch.setattr(sys, "argv", ["genima-lite", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    assert str(folder / "report.html") in capsys.readouterr().out
    page = Page(folder / "report.html")
    assert f"genima-lite eval --tasks {TASK} --episodes 1" in page.text
    assert all((folder / link).is_file() for link in page.links)
    assert page.tags.count("video") == 1


def test_a_report_needs_no_torch():
    code = "import sys, genima_lite.evaluation.report; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
