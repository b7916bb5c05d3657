"""Values for cameras from words such as `front=/dev/video0`."""

from __future__ import annotations

from collections.abc import Sequence

from genima_lite.errors import UserError


def camera_words(what: str, given: Sequence[str], cameras: Sequence[str]) -> dict[str, str]:
    """Return what each word says of its camera.

    Args:
        what: the words' name, for messages.
        given: each a camera, an equals sign, and a value.
        cameras: those that there are.

    Raises:
        UserError: no such word, or two of one camera.
    """
    found: dict[str, str] = {}
    for word in given:
        name, _, value = word.partition("=")
        if not value or name not in cameras or name in found:
            raise UserError(
                f"{what}: '{word}' is no CAMERA=VALUE with one of {', '.join(cameras)}, each once"
            )
        found[name] = value
    return found
