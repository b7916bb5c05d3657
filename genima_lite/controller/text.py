"""An instruction as a feature vector, without a language model.

Every word stands for a fixed random direction; a sentence is the mean of its words. That tells
the bench's instructions apart ("red", "top") but knows no synonyms. Deviation: the paper's
baselines use CLIP's text features; the network takes any vector of `text_features` numbers.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import numpy as np


def text_features(instruction: str, length: int) -> np.ndarray:
    """Return the features of an instruction, (length,) float32; zeros without any word."""
    words = re.findall(r"[a-z0-9]+", instruction.lower())
    vectors = [_word(word, length) for word in words] or [np.zeros(length, np.float32)]
    return np.stack(vectors).mean(0)


@lru_cache(maxsize=4096)
def _word(word: str, length: int) -> np.ndarray:
    """Return the word's direction: standard normal numbers from a seed that is its checksum."""
    rng = np.random.default_rng(zlib.crc32(word.encode()))
    return rng.standard_normal(length, dtype=np.float32)
