"""Records demonstrations that a person leads an arm through, in RLBench's layout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from genima_lite import locks
from genima_lite.demos.collect import MAX_IMAGE_SIZE
from genima_lite.demos.journal import FOLDER, About, Journal, rescued
from genima_lite.demos.layout import episode_folder
from genima_lite.demos.write import remove_unfinished, write_episode
from genima_lite.envs.api import EnvSpec, RobotEnv, check_tasks, make_env
from genima_lite.envs.arm.calibration.store import read_calibration
from genima_lite.envs.arm.hands.api import Discarded, Hand, HandSettings, make_hand
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.errors import UserError
from genima_lite.files import check_folder
from genima_lite.observation import CAMERAS, Demo, Recording
from genima_lite.panda import Unreachable
from genima_lite.provenance import FILE, check, claim, fingerprint
from genima_lite.schema import named_once
from genima_lite.seeds import MAX_ATTEMPTS, check_episodes, training_seed

UNFINISHED = ".unfinished"
"""Demonstrations that a kill cut off lie here, in RLBench's layout, below the dataset's folder."""


@dataclass(frozen=True)
class RecordConfig:
    """What is recorded, how, and on which arm.

    Raises:
        UserError: an unknown task or camera, or a number out of range.
    """

    tasks: tuple[str, ...]
    """Task names."""
    episodes: int = 5
    """Episodes a task, dealt round over its variations."""
    lead: HandSettings = field(default_factory=HandSettings)
    """Who leads the arm."""
    seed: int = 0
    """Of the twin's scenes."""
    image_size: int = 128
    """Pixels along each side."""
    cameras: tuple[str, ...] = CAMERAS
    """RLBench's names of the cameras."""
    arm: ArmSettings = field(default_factory=ArmSettings)
    """Which arm; by default its twin."""

    def __post_init__(self) -> None:
        check_tasks(self.tasks, "arm")
        check_episodes(self.episodes)
        if not self.tasks or self.seed < 0:
            raise UserError("give tasks, and a seed from 0 on")
        if not 1 <= self.image_size <= MAX_IMAGE_SIZE:
            raise UserError(f"image_size is {self.image_size}; give 1 to {MAX_IMAGE_SIZE}")
        if not self.cameras:
            raise UserError("give at least one camera")
        named_once("cameras", self.cameras)
        if unknown := [name for name in self.cameras if name not in CAMERAS]:
            raise UserError(f"no camera '{unknown[0]}': choose from {', '.join(CAMERAS)}")
        if self.arm.ahead:
            raise UserError("ahead is for policies: leave it away")

    @property
    def total(self) -> int:
        """How many episodes there are in all."""
        return len(self.tasks) * self.episodes

    def provenance(self) -> dict[str, Any]:
        """Return all that the episodes come from, JSON-able."""
        calibration = self.arm.calibration
        given = asdict(self) | {"calibration": calibration and fingerprint(calibration)}
        return {name: value for name, value in given.items() if name not in ("tasks", "episodes")}


class Recorder:
    """Fills a dataset's folder, one process at a time.

    Args:
        root: the dataset's folder.
        config: see `RecordConfig`.

    Raises:
        UserError: the folder cannot be written to, no such calibration, or the hand's device is
            missing.
    """

    def __init__(self, root: Path, config: RecordConfig):
        check_folder(root)
        self._root, self._config = root, config
        calibration = config.arm.calibration
        self._calibration = None if calibration is None else asdict(read_calibration(calibration))
        with closing(make_hand(config.lead, config.arm.on_twin)) as hand:
            hand.check()

    def rescued(self) -> Iterator[Path]:
        """Move what a killed recorder left to `UNFINISHED`, and yield its folder.

        Raises:
            UserError: it is broken.
        """
        if not (self._root / FOLDER).exists():
            return
        with locks.writing(self._root):
            remove_unfinished(self._root / UNFINISHED)
            found = rescued(self._root)
            if found is not None and len(found[1]):
                about, demo = found
                where, number = (self._root / UNFINISHED, about.task, about.variation), 0
                while episode_folder(*where, number).exists():
                    number += 1
                try:
                    path = write_episode(demo, *where, number, about.sentences)
                except (TypeError, ValueError) as error:
                    left = self._root / FOLDER
                    raise UserError(f"{left}: broken ({error}); move it elsewhere") from error
                yield path
            shutil.rmtree(self._root / FOLDER, ignore_errors=True)

    def run(self) -> Iterator[Path]:
        """Record what is not there yet; yield the folder of each episode.

        Raises:
            UserError: the folder is another recording's; a device is missing; or the hand in a
                person's place failed with all of its seeds.
        """
        config, made_from = self._config, self._config.provenance()
        if (self._root / FILE).exists():
            check(self._root, made_from)
        with (
            locks.writing(self._root),
            closing(make_hand(config.lead, config.arm.on_twin)) as hand,
        ):
            remove_unfinished(self._root)
            for task in config.tasks:
                spec = EnvSpec(task, config.cameras, config.image_size, backend="arm")
                with closing(make_env(replace(spec, arm=config.arm))) as env:
                    claim(self._root, made_from)  # now that the arm is there
                    for number in range(config.episodes):
                        yield self._record(env, hand, number)

    def _record(self, env: Any, hand: Hand, number: int) -> Path:
        """Record one episode, if it is not there; return its folder."""
        episode, variation = divmod(number, env.variations)
        where = (self._root, env.task_name, variation, episode)
        if episode_folder(*where).exists():
            return episode_folder(*where)
        for attempt in range(MAX_ATTEMPTS):
            seed = training_seed(self._config.seed, number, attempt)
            _, info = env.reset(seed=seed, options={"variation": variation})
            about = self._about(env, variation, info["instruction"], seed)
            with Journal(self._root, about) as journal:
                demo = _recorded(env, hand, about, journal)
                if demo is not None:
                    return write_episode(demo, *where, about.sentences)
        raise UserError(
            f"task '{env.task_name}', variation {variation}: {MAX_ATTEMPTS} attempts, none kept"
        )

    def _about(self, env: Any, variation: int, instruction: str, seed: int) -> About:
        """Return what is known of an episode that begins now."""
        arm, scene = self._config.arm, env.scene_state()
        if scene is not None:
            scene = {"task": env.task_name, "seed": seed, **scene}
        driver = "twin" if arm.on_twin else arm.driver
        began = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        hand = self._config.lead.hand
        recording = Recording(arm.model, driver, hand, instruction, began, [], self._calibration)
        return About(env.task_name, variation, env.instructions(variation), recording, scene)


def _recorded(env: Any, hand: Hand, about: About, journal: Journal) -> Demo | None:
    """Let a hand lead an episode; return the demonstration, `None` if it is not to be kept."""
    demo, seconds, began = Demo([], env.random_state, 1, about.scene_state), list[float](), env.now

    def keep(_: RobotEnv) -> None:
        seconds.append(round(env.now - began, 6))
        demo._observations.append(env.observation)
        journal.add(seconds[-1], env.observation)

    keep(env)
    lead = env.guide if hand.guides else env.stream
    try:
        outcome = lead(hand.rows(env), keep)
    except (Discarded, Unreachable):
        return None
    if outcome.done or not env.happened(outcome.success):
        return None
    demo.recording = replace(about.recording, seconds=seconds)
    return demo
