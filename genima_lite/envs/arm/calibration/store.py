"""`calibration.json`: cameras' intrinsics and poses, how good they are, of which rig and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from genima_lite import schema
from genima_lite.cameras import RIGS, Camera, mounts_of
from genima_lite.envs.arm.limits import ROBOTS
from genima_lite.errors import UserError
from genima_lite.files import write_json
from genima_lite.observation import CAMERAS

MAX_DAYS, MAX_PIXELS, MAX_MILLIMETRES = 30.0, 1.0, 5.0
"""From which on a calibration is refused: its age, and its residuals."""

MAX_LATENCY = 0.5
"""Seconds from exposure to stamp from which on a camera is no good for this."""

COEFFICIENTS = (4, 5, 8, 12, 14)
"""How many coefficients of distortion OpenCV knows."""


def check_latency(seconds: float) -> None:
    """Refuse a latency that cannot be.

    Raises:
        UserError: see above.
    """
    if not 0 <= seconds <= MAX_LATENCY:
        raise UserError(f"latency is {seconds} s; give 0 to {MAX_LATENCY}")


@dataclass(frozen=True)
class CameraCalibration:
    """One camera.

    Attributes:
        device: what OpenCV opens: a number or a path.
        size: width and height in pixels of the pictures that it was calibrated with.
        intrinsics: (3, 3), pixels.
        distortion: OpenCV's coefficients.
        pose: (4, 4), camera (OpenCV axes) to world, or to the tip if on the wrist; metres.
        on_wrist: whether it moves with the hand.
        residual_pixels, residual_millimetres: root mean squares, of the board's corners and of
            the board's place.
        covariance: (6, 6) of the pose, translation in metres first, then rotation in radians.
        latency: seconds from the exposure of a frame to its stamp.

    Raises:
        UserError: one of them cannot be.
    """

    device: int | str
    size: tuple[int, int]
    intrinsics: list[list[float]]
    distortion: list[float]
    pose: list[list[float]]
    on_wrist: bool
    residual_pixels: float
    residual_millimetres: float
    covariance: list[list[float]]
    latency: float = 0.0

    def __post_init__(self) -> None:
        for name, shape in (("intrinsics", (3, 3)), ("pose", (4, 4)), ("covariance", (6, 6))):
            values = getattr(self, name)
            try:
                found = np.array(values, dtype=np.float64)
            except ValueError as error:
                raise UserError(f"{name} is no matrix") from error
            if found.shape != shape or not np.isfinite(found).all():
                raise UserError(f"{name} is not {shape[0]} by {shape[1]} finite numbers")
        if not all(0 < side < 2**16 for side in self.size):
            raise UserError(f"size is {self.size[0]}x{self.size[1]} pixels; that is no picture")
        if np.array(self.intrinsics).diagonal()[:2].min() <= 0:
            raise UserError("intrinsics has no focal lengths in pixels, which are above 0")
        if len(self.distortion) not in COEFFICIENTS or max(map(abs, self.distortion)) > 1e6:
            raise UserError(f"distortion has no {COEFFICIENTS} coefficients of OpenCV's")
        check_latency(self.latency)
        turn = np.array(self.pose)[:3, :3]
        if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-4) or np.linalg.det(turn) < 0:
            raise UserError("pose is no rigid transform: its rotation is none")

    def camera(self, tip: np.ndarray, image_size: int) -> Camera:
        """Return the camera as it sees with its pictures cut square and scaled to `image_size`.

        Args:
            tip: (4, 4) pose of the tip, for a camera on the wrist.
            image_size: pixels along each side.
        """
        width, height = self.size
        side, intrinsics = min(width, height), np.array(self.intrinsics)
        intrinsics[0, 2] -= (width - side) / 2
        intrinsics[1, 2] -= (height - side) / 2
        intrinsics[:2] *= image_size / side
        pose = np.array(self.pose)
        where = tip @ pose if self.on_wrist else pose
        return Camera(intrinsics, where, on_wrist=self.on_wrist)


@dataclass(frozen=True)
class Calibration:
    """All cameras of one rig.

    Attributes:
        rig: its name, for people.
        model: "fer" or "fr3", the arm they were calibrated with.
        made: when, ISO 8601 with time zone.
        cameras: by RLBench's names.
    """

    rig: str
    model: str
    made: str
    cameras: dict[str, CameraCalibration]

    def __post_init__(self) -> None:
        if self.model not in ROBOTS:
            raise UserError(f"model is '{self.model}': choose from {', '.join(ROBOTS)}")
        if unknown := [name for name in self.cameras if name not in CAMERAS]:
            raise UserError(f"no camera '{unknown[0]}': choose from {', '.join(CAMERAS)}")
        for name, each in self.cameras.items():
            if each.on_wrist not in {mounts[name].on_wrist for mounts in RIGS.values()}:
                where = "stands still" if each.on_wrist else "moves with the hand"
                raise UserError(
                    f"cameras.{name}: on_wrist is {each.on_wrist}, and '{name}' {where}"
                )
        try:
            made = datetime.fromisoformat(self.made)
        except ValueError as error:
            raise UserError(f"made is '{self.made}': give a date as ISO 8601") from error
        if made.tzinfo is None:
            raise UserError(f"made is '{self.made}': give a time zone")

    def check(
        self, what: str, model: str, cameras: tuple[str, ...], now: datetime | None = None
    ) -> None:
        """Refuse a calibration that is stale, bad, of another rig, or without a camera.

        Args:
            what: its file, for messages.
            model: the arm that will run.
            cameras: those that will be used.
            now: with time zone; by default now.

        Raises:
            UserError: see above.
        """
        if self.model != model:
            raise UserError(f"{what}: calibrated with a {self.model}, and the arm is a {model}")
        age = (now or datetime.now(timezone.utc)) - datetime.fromisoformat(self.made)
        if not timedelta(0) <= age <= timedelta(days=MAX_DAYS):
            days = age.total_seconds() / 86400
            raise UserError(f"{what}: {days:.0f} days old; {MAX_DAYS:.0f} are allowed: calibrate")
        for name in cameras:
            if name not in self.cameras:
                raise UserError(f"{what}: camera '{name}' is not calibrated")
            self.check_residuals(what, name)

    def check_rig(self, what: str, rig: str, cameras: Sequence[str]) -> None:
        """Refuse a calibration of cameras that are mounted otherwise.

        Args:
            what: its file, for messages.
            rig: how they should be mounted, see `genima_lite.cameras.RIGS`.
            cameras: those that will be used, all calibrated.

        Raises:
            UserError: one is fixed and should be on the wrist, or the other way round.
        """
        places = {True: "on the wrist", False: "fixed"}
        for name in cameras:
            wanted, found = mounts_of(rig)[name].on_wrist, self.cameras[name].on_wrist
            if wanted != found:
                raise UserError(
                    f"{what}: camera '{name}' was calibrated as {places[found]}, and with rig "
                    f"'{rig}' it is {places[wanted]}"
                )

    def check_residuals(self, what: str, name: str) -> None:
        """Refuse a camera that is off by too much; see `check`.

        Raises:
            UserError: see above.
        """
        found = self.cameras[name]
        for value, most, unit in (
            (found.residual_pixels, MAX_PIXELS, "pixels"),
            (found.residual_millimetres, MAX_MILLIMETRES, "mm"),
        ):
            if not 0 <= value <= most:
                raise UserError(
                    f"{what}: camera '{name}' is off by {value:.2f} {unit}; {most} are allowed: "
                    "calibrate it again"
                )


def read_calibration(path: Path | str) -> Calibration:
    """Read a calibration; `Calibration.check` says whether it may be used.

    Raises:
        UserError: no such file, or no calibration.
    """
    return schema.read(Calibration, path)


def read_usable(path: Path | str, model: str, rig: str, cameras: tuple[str, ...]) -> Calibration:
    """Read a calibration that may be used; see `Calibration.check` and `Calibration.check_rig`.

    Raises:
        UserError: it may not, no such file, or no calibration.
    """
    found = read_calibration(path)
    found.check(str(path), model, cameras)
    found.check_rig(str(path), rig, cameras)
    return found


def write_calibration(path: Path | str, calibration: Calibration) -> None:
    """Write a calibration, whole or not at all."""
    write_json(Path(path), asdict(calibration))
