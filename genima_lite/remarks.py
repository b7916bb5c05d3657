"""What libraries remark while they are loaded and save, which nobody has to read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _WithoutTorchvision(logging.Filter):
    """Drops the remark, two lines at every start, that pictures are prepared without torchvision.

    Prompts are all that these classes prepare here.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is kept."""
        return "requires torchvision (not installed)" not in record.getMessage()


_WITHOUT_TORCHVISION = _WithoutTorchvision()


def drop_remarks() -> None:
    """Drop the remarks about torchvision; everything else is said as before.

    Loads nothing. The package calls it first of all, so it is before whatever loads the libraries.
    """
    logging.getLogger("transformers.utils.import_utils").addFilter(_WITHOUT_TORCHVISION)


@contextmanager
def without_bars() -> Iterator[None]:
    """Show no progress bars of transformers inside: ours is already there."""
    from transformers.utils import logging as bars

    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
