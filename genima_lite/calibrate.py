"""`genima-lite calibrate`: board, camera after camera, then the arm drawn on every picture.

For each camera the board is first held before it, near and tilted, until the picture is covered:
that gives the lens. Then the arm goes through postures that the twin has tried out, the board in
its hand or on the table: that gives where the camera is. Last the arm moves without the board,
spheres are drawn on its joints, and each camera must show it move where its calibration says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from PIL import Image

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.envs.arm.calibration.board import Board, Corners
from genima_lite.envs.arm.calibration.coverage import ENOUGH, Coverage
from genima_lite.envs.arm.calibration.hand_eye import VIEWS as LEAST_POSTURES
from genima_lite.envs.arm.calibration.hand_eye import HandEye, solve_hand_eye
from genima_lite.envs.arm.calibration.lens import VIEWS as LEAST_VIEWS
from genima_lite.envs.arm.calibration.lens import Lens, solve_lens
from genima_lite.envs.arm.calibration.overlay import SIDE, changed, check_views, expected
from genima_lite.envs.arm.calibration.stand import Stand
from genima_lite.envs.arm.calibration.store import Calibration, CameraCalibration, check_latency
from genima_lite.envs.arm.calibration.straight import straightened
from genima_lite.envs.arm.calibration.words import camera_words
from genima_lite.envs.arm.calibration.wrists import POSTURES, Seen, check_wrists
from genima_lite.envs.arm.modes import mode_of
from genima_lite.envs.arm.operators import operator_of
from genima_lite.envs.arm.settings import REPLAY, ArmSettings
from genima_lite.envs.arm.workspace import read_workspace
from genima_lite.errors import UserError
from genima_lite.files import written_whole
from genima_lite.observation import CAMERAS
from genima_lite.schema import named_once
from genima_lite.targets.joints import spheres_in_view
from genima_lite.targets.keypoints import targets_of
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.target_pictures import drawn_on

SHOWN = 512
"""Pixels along each side of the pictures with the drawn arm."""

_SMALLER = 0.4
"""Of the radius of Genima's spheres."""

_SPARE = 4
"""Postures more than are wanted, for those whose way the filter refuses."""

MOVES = (
    panda.HOME + np.array([-0.25, 0.1, 0.0, -0.6, 0.0, 0.5, 0.0]),
    panda.HOME + np.array([0.25, 0.25, 0.1, -0.9, 0.2, 0.9, 0.3]),
)
"""Two postures (7,), RLBench's, between which the arm moves to be compared with the calibration."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class CalibrateConfig:
    """How a rig is calibrated.

    Raises:
        UserError: a number out of range, or a camera that there is not.
    """

    rig: str = "twin"
    """Name of the rig, for people."""
    cameras: tuple[str, ...] = TILE_ORDER
    """RLBench's names of the cameras."""
    devices: tuple[str, ...] = ()
    """Of a real rig: each camera's, such as front=/dev/video0 wrist=realsense:123 (see cameras)."""
    latencies: tuple[str, ...] = ()
    """Of a real rig: seconds from a camera's exposure to its frame's stamp, such as front=0.04 (see
    cameras); 0 where none is given."""
    board: Board = field(default_factory=Board)
    """The printed board; measure its squares."""
    arm: ArmSettings = field(default_factory=ArmSettings)
    """Driver, model, address, as in eval."""
    size: int = 720
    """Pixels along each side of the twin's pictures."""
    lens_views: int = 60
    """Pictures of the board held before each camera."""
    postures: int = 60
    """Of the arm, for each camera."""
    twin_pixels: float = 0.3
    """By which corners are off on the twin, besides its own noise."""
    twin_metres: float = 0.001
    """By which the measured tip is off on the twin."""
    seed: int = 0
    """Of boards, postures and errors on the twin."""

    def __post_init__(self) -> None:
        if unknown := [name for name in self.cameras if name not in CAMERAS]:
            raise UserError(f"no camera '{unknown[0]}': choose from {', '.join(CAMERAS)}")
        if not self.cameras:
            raise UserError("give at least one camera")
        named_once("cameras", self.cameras)
        if self.lens_views < LEAST_VIEWS or self.postures < LEAST_POSTURES:
            raise UserError(
                f"give lens_views from {LEAST_VIEWS} and postures from {LEAST_POSTURES} on"
            )
        if (self.devices or self.latencies) and self.arm.driver == "twin":
            raise UserError("devices and latencies are of a real rig: leave them away on the twin")
        for name in self.cameras:
            check_latency(self.latency(name))
        if self.seed < 0:
            raise UserError(f"seed is {self.seed}; give one from 0 on")
        if not 200 <= self.size <= 2048:
            raise UserError(f"size is {self.size}; give 200 to 2048 pixels")
        if not (0 <= self.twin_pixels <= 5 and 0 <= self.twin_metres <= 0.02):
            raise UserError("give twin_pixels from 0 to 5, and twin_metres from 0 to 0.02")

    def latency(self, camera: str) -> float:
        """Return seconds from the exposure of a camera's frame to its stamp.

        Raises:
            UserError: what is given is no number, or of no camera.
        """
        given = camera_words("latencies", self.latencies, self.cameras).get(camera, "0")
        try:
            return float(given)
        except ValueError as error:
            raise UserError(f"latencies: '{given}' of camera '{camera}' is no number") from error


def make_stand(config: CalibrateConfig) -> Stand:
    """Return the stand that a configuration names.

    Raises:
        UserError: OpenCV or ruckig is missing, or the driver cannot be calibrated with.
    """
    if config.arm.driver == REPLAY:
        raise UserError("recordings cannot be calibrated: nothing moves")
    if not config.arm.on_twin:
        return _real_stand(config)
    from genima_lite.envs.arm.twin.stand import TwinStand

    return TwinStand(
        config.board, config.cameras, config.size, config.arm.twin, config.arm.model,
        config.arm.rig, config.twin_pixels, config.twin_metres, config.seed,
        read_workspace(config.arm.workspace),
    )  # fmt: skip


def _real_stand(config: CalibrateConfig) -> Stand:
    from genima_lite.envs.arm.drivers.parts import arm_of
    from genima_lite.envs.arm.drivers.stand import RealStand, named_devices
    from genima_lite.envs.arm.drivers.wall import WallClock

    devices, clock = named_devices(config.devices, config.cameras), WallClock()
    arm, _ = arm_of(config.arm, clock)
    person, how = operator_of(config.arm.operator), mode_of(config.arm.mode)
    return RealStand(
        config.board, arm, clock, devices, person, how.speed, config.arm.rig, how.asks,
        read_workspace(config.arm.workspace),
    )  # fmt: skip


def calibrate(stand: Stand, config: CalibrateConfig, pictures: Path, say: Say) -> Calibration:
    """Calibrate all cameras of a rig.

    Args:
        stand: the rig.
        config: how many pictures, and of which board.
        pictures: folder to which the live pictures go.
        say: is told how far it is.

    Raises:
        UserError: too little was seen, or what was seen does not fit together.
    """
    found = {name: _Guide(stand, config, pictures, say, name).camera() for name in config.cameras}
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    calibration = Calibration(config.rig, stand.model, made, found)
    calibration.check("this calibration", stand.model, config.cameras)
    check_rig(stand, calibration, pictures, say)
    return calibration


def check_rig(stand: Stand, calibration: Calibration, pictures: Path, say: Say) -> None:
    """Draw the arm on every camera's picture, and compare how it moves with the calibration; those
    on the wrist look at the board on the table.

    Raises:
        UserError: two cameras are swapped, or one has moved.
    """
    stand.put_away()
    shots, joints = [], []
    for posture in MOVES:
        if not stand.go(posture):
            raise UserError("the arm could not move freely: clear its surroundings")
        joints.append(stand.joints())
        shots.append({name: stand.picture(name) for name in calibration.cameras})
    tips = [panda.forward_kinematics(each)[1] for each in joints]
    seen, wanted = {}, {}
    for name, each in calibration.cameras.items():
        before, after = (straightened(shot[name], each, SHOWN) for shot in shots)
        overlay = with_arm(after, each.camera(tips[1], SHOWN), joints[1], name)
        _write(pictures / f"overlay_{name}.png", Image.fromarray(overlay))
        seen[name] = changed(before, after)
        if not each.on_wrist:
            wanted[name] = expected(each.camera(tips[0], SIDE), (joints[0], joints[1]))
    for name, share in check_views(seen, wanted).items():
        say(f"{name}: the drawn arm lies on the arm, agreement {share:.2f}")
    on_wrist = {name: each for name, each in calibration.cameras.items() if each.on_wrist}
    looked = {name: _looked_at_board(stand, name) for name in on_wrist}
    for name, moves in check_wrists(stand.board, looked, on_wrist).items():
        say(f"{name}: a board that lies still moves by {moves:.1f} mm")


def _looked_at_board(stand: Stand, name: str) -> Seen:
    """Return what a camera on the wrist sees of the board on the table from a few postures."""
    postures, found = stand.postures(name, POSTURES), []
    stand.fasten(name)
    for joints in postures:
        if stand.go(joints) and (corners := stand.find(stand.picture(name))) is not None:
            found.append((stand.tip(), corners))
    return found


def with_arm(picture: np.ndarray, camera: Camera, joints: np.ndarray, name: str) -> np.ndarray:
    """Return a picture (H, H, 3) uint8 with spheres on the joints (7,), RLBench's; they are
    smaller than Genima's, so that one sees whether they lie on the arm.
    """
    spheres = spheres_in_view(targets_of(joints, 1.0), name)
    return drawn_on(picture, camera, replace(spheres, radii=_SMALLER * spheres.radii))


class _Guide:
    """One camera's way from the first board to its pose."""

    def __init__(self, stand: Stand, config: CalibrateConfig, pictures: Path, say: Say, name: str):
        self._stand, self._config, self._say, self._name = stand, config, say, name
        self._pictures = pictures

    def camera(self) -> CameraCalibration:
        """Return the camera's calibration.

        Raises:
            UserError: too little was seen, or what was seen does not fit together.
        """
        self._stand.put_away()
        self._stand.go(panda.HOME)  # so that a board held before the camera has room
        first = self._stand.picture(self._name)
        self._size = first.shape[1], first.shape[0]
        found = self._placed(self._lens())
        self._say(self._told(found))
        return CameraCalibration(
            self._stand.device(self._name),
            self._size,
            found.lens.intrinsics.tolist(),
            found.lens.distortion.tolist(),
            found.pose.tolist(),
            self._stand.on_wrist[self._name],
            max(found.pixels, found.lens.pixels),
            found.millimetres,
            found.covariance.tolist(),
            self._config.latency(self._name),
        )

    def _lens(self) -> Lens:
        """Return the lens, from boards held before the camera."""
        coverage, views = Coverage(self._size, self._config.lens_views), []
        number, wanted = 0, self._config.lens_views
        while (coverage.views < wanted or coverage.share < ENOUGH) and number < 4 * wanted:
            if not self._stand.hold(self._name, number):
                break
            corners = self._look(coverage, "lens")
            views += [] if corners is None else [corners]
            number += 1
        if coverage.share < ENOUGH:
            raise UserError(
                f"camera '{self._name}': boards covered {coverage.share:.0%} of the picture, "
                f"{ENOUGH:.0%} are needed: hold it into the corners, too"
            )
        return solve_lens(self._config.board, views, self._size)

    def _placed(self, lens: Lens) -> HandEye:
        """Return where the camera is, from postures of the arm."""
        wanted = self._config.postures
        postures = self._stand.postures(self._name, wanted + _SPARE)
        self._stand.fasten(self._name)
        coverage, views, tips = Coverage(self._size, wanted), list[Corners](), list[np.ndarray]()
        for joints in postures:
            if len(views) == wanted:
                break
            if not self._stand.go(joints):
                self._say(f"{self._name}: a posture was left out, the filter refused the way")
                continue
            corners = self._look(coverage, "arm")
            if corners is not None:
                views.append(corners)
                tips.append(self._stand.tip())
        on_wrist = self._stand.on_wrist[self._name]
        return solve_hand_eye(self._config.board, lens, tips, views, on_wrist)

    def _look(self, coverage: Coverage, words: str) -> Corners | None:
        """Take a picture, count its corners, and write the live picture."""
        picture = self._stand.picture(self._name)
        corners = self._stand.find(picture)
        if corners is not None:
            coverage.add(corners)
        live = coverage.draw(picture, corners, f"{self._name}, {words}")
        _write(self._pictures / f"{words}_{self._name}.png", live.reduce(2))
        return corners

    def _told(self, found: HandEye) -> str:
        doubt = np.sqrt(np.diag(found.covariance))
        metres, angle = np.linalg.norm(doubt[:3]), np.linalg.norm(doubt[3:])
        return (
            f"{self._name}: {found.pixels:.2f} pixels, {found.millimetres:.1f} mm; PARK and SHAH "
            f"{found.apart[0]:.1f} mm and {found.apart[1]:.2f} degrees apart; known to "
            f"{1e3 * metres:.1f} mm and {np.rad2deg(angle):.2f} degrees"
        )


def _write(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as partial:
        image.save(partial, format="png", compress_level=1)
