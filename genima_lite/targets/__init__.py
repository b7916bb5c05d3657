"""Joint targets as pictures: striped spheres drawn on views, found again, and scored."""

from genima_lite.targets.backgrounds import PictureFolder, RandomBackdrop, blend_background
from genima_lite.targets.draw import Drawing, draw_spheres
from genima_lite.targets.find import FoundSphere, find_spheres, plausible_radii
from genima_lite.targets.horizon import (
    HORIZON,
    decision_frames,
    find_keyframes,
    target_frame,
    target_frames,
)
from genima_lite.targets.joints import (
    JOINTS,
    JointTargets,
    Spheres,
    joint_targets,
    spheres_in_view,
)
from genima_lite.targets.labels import ViewLabels
from genima_lite.targets.score import Score, ViewScore, position_errors, score_view, summarize
from genima_lite.targets.triangulate import triangulate
from genima_lite.targets.views import TargetViews, demo_targets, draw_targets, draw_targets_of
from genima_lite.textures import random_texture

__all__ = [
    "HORIZON",
    "JOINTS",
    "Drawing",
    "FoundSphere",
    "JointTargets",
    "PictureFolder",
    "RandomBackdrop",
    "Score",
    "Spheres",
    "TargetViews",
    "ViewLabels",
    "ViewScore",
    "blend_background",
    "decision_frames",
    "demo_targets",
    "draw_spheres",
    "draw_targets",
    "draw_targets_of",
    "find_keyframes",
    "find_spheres",
    "joint_targets",
    "plausible_radii",
    "position_errors",
    "random_texture",
    "score_view",
    "spheres_in_view",
    "summarize",
    "target_frame",
    "target_frames",
    "triangulate",
]
