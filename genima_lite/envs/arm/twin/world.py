"""The bench with a clock: physics go on as time does, commands arrive late, joints trail."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np

from genima_lite.cameras import RLBENCH, mounts_of
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.settings import TwinSettings
from genima_lite.envs.arm.twin.tasks import load_task
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.looks import Looks
from genima_lite.envs.bench.scene_state import STATE
from genima_lite.envs.bench.task import Task
from genima_lite.envs.bench.world import mount_cameras
from genima_lite.observation import CONTROL_PERIOD


class TwinWorld(BenchEnv):
    """One task on the bench that runs in time of its own. Joint angles here are RLBench's.

    Attributes:
        settings: how it differs from a perfect simulation.
        mounts: how its cameras are mounted.
    """

    def __init__(self, spec: EnvSpec, settings: TwinSettings, rig: str = RLBENCH):
        given = {k: v for k, v in vars(spec).items() if k not in ("backend", "arm")}
        self.mounts = mounts_of(rig)
        super().__init__(**given)
        mount_cameras(self.scene.model, self.mounts)
        self.scene.looks = Looks(self.scene.model)  # as it looks from now on
        mujoco.mj_forward(self.scene.model, self.scene.data)
        self.settings = settings
        self._followed = np.zeros(7)
        self._before = self._wall = 0.0
        self._begin_clock()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode, as the bench does; time goes on."""
        before = self.now()
        found = super().reset(seed=seed, options=options)
        self._before = before - float(self.scene.data.time)
        self._begin_clock()
        return found

    def set_up(self, scene: dict[str, Any]) -> None:
        """Restore a scene's state; time goes on."""
        before = self.now()
        self.restore(scene)
        self._before = before - float(self.scene.data.time)
        self._begin_clock()

    def _loaded(self, task: str) -> Task:
        return load_task(task)

    def now(self) -> float:
        """Return simulated seconds since the twin was made."""
        return self._before + float(self.scene.data.time)

    def sleep_until(self, seconds: float) -> None:
        """Let physics go on until then."""
        steps = round((seconds - self.now()) / self._step)
        for _ in range(steps):
            self._advance()
        if self.settings.real_time:
            time.sleep(max(0.0, self._wall + self.now() - self._start - time.perf_counter()))

    def command(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        """Send joints (7,) and velocities (7,); they take effect after the latency."""
        self._queue.append((self.now() + self.settings.latency, joints.copy(), velocities.copy()))

    def push(self, joints: np.ndarray) -> None:
        """Let a hand bring the arm to joints (7,) within 50 ms."""
        start = self._followed.copy()
        steps = round(CONTROL_PERIOD / self._step)
        for k in range(steps):
            self._followed = start + (joints - start) * (k + 1) / steps
            self._aim, self._speed = self._followed, np.zeros(7)
            self._advance()

    def task_state(self) -> np.ndarray:
        """Return the task's state, (n,) float64, opaque as in RLBench."""
        return self.scene.low_dim_state()

    def freeze(self) -> None:
        """Forget what was sent and hold where the joints are."""
        self._queue.clear()
        self._aim, self._speed = self.scene.robot.joints, np.zeros(7)

    def grip(self, opening: float) -> None:
        """Open or close the fingers; time goes on meanwhile."""
        self._settle()
        self.scene.robot._reference = self._followed.copy()
        self.scene.robot.set_gripper(opening)
        self._checked = self.now()
        self.task.after_step(self.scene)
        self._past.clear()
        self._remember()

    def looked(self, camera: str) -> tuple[float, np.ndarray]:
        """Return when a picture was exposed, and the picture (H, W, 3) uint8."""
        taken, state = self._past[0]
        for earlier, kept in self._past:
            if earlier <= self.now() - self.settings.camera_lag + 1e-9:
                taken, state = earlier, kept
        model, data = self.scene.model, self.scene.data
        present = np.empty_like(state)
        mujoco.mj_getState(model, data, present, STATE)
        mujoco.mj_setState(model, data, state, STATE)
        mujoco.mj_forward(model, data)
        renderer = self._renderer(self.image_size)
        with renderer.showing(data):
            picture = renderer.rgb(data, camera)
        mujoco.mj_setState(model, data, present, STATE)
        mujoco.mj_forward(model, data)
        return taken, self._noisy(picture)

    def _noisy(self, picture: np.ndarray) -> np.ndarray:
        if not self.settings.image_noise:
            return picture
        noise = self._rng.normal(0, self.settings.image_noise, picture.shape)
        return np.clip(picture + noise, 0, 255).astype(np.uint8)

    def _begin_clock(self) -> None:
        """The scene was just set up: the arm rests, nothing is on its way."""
        self._step = float(self.scene.model.opt.timestep)
        self._queue: deque[tuple[float, np.ndarray, np.ndarray]] = deque()
        self._aim, self._speed = self.scene.robot.joints, np.zeros(7)
        self._followed = self._aim.copy()
        self._past: deque[tuple[float, np.ndarray]] = deque(maxlen=64)
        self._checked = self.now()
        self._rng = np.random.default_rng(self.np_random.integers(2**32))
        self._wall, self._start = time.perf_counter(), self.now()
        self._remember()

    def _advance(self) -> None:
        """One step of physics."""
        now, robot = self.now(), self.scene.robot
        while self._queue and self._queue[0][0] <= now + 1e-9:
            _, self._aim, self._speed = self._queue.popleft()
        blend = 1.0 if not self.settings.lag else 1 - np.exp(-self._step / self.settings.lag)
        stride = blend * (self._aim - self._followed)
        self._followed = self._followed + stride
        lead = robot._lead * (self._speed if blend == 1 else stride / self._step)
        self.scene.data.ctrl[:7] = self._followed + lead
        mujoco.mj_step(self.scene.model, self.scene.data)
        self._after()

    def _after(self) -> None:
        """Every 50 ms let the task look, every 10 ms remember the state for pictures."""
        if self.now() - self._checked > CONTROL_PERIOD - 1e-9:
            self._checked = self.now()
            self.task.after_step(self.scene)
        if self.now() - self._past[-1][0] > 0.01 - 1e-9:
            self._remember()

    def _remember(self) -> None:
        model, data = self.scene.model, self.scene.data
        state = np.empty(mujoco.mj_stateSize(model, STATE))
        mujoco.mj_getState(model, data, state, STATE)
        self._past.append((self.now(), state))

    def _settle(self) -> None:
        """Let what was sent arrive."""
        wait = self.settings.latency + 5 * self.settings.lag
        self.sleep_until(self.now() + wait)
        self._speed = np.zeros(7)
