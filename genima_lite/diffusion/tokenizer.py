"""A CLIP tokenizer with a home-made vocabulary: the words of our prompts, and every byte.

Byte-pair encoding, learned as CLIP's own vocabulary was: the most frequent pair of neighbours
becomes one piece, again and again. Here it goes on until every known word is a single piece, so
that a colour is one token. Any other word is spelled in bytes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from genima_lite.diffusion.prompts import scene_caption, task_prompt
from genima_lite.envs.api import vocabulary
from genima_lite.rlbench import COLORS

START, END = "<|startoftext|>", "<|endoftext|>"


def known_words() -> list[str]:
    """Return the words of every task's prompts, of the scene captions and the colours, sorted."""
    sentences, things = vocabulary()
    prompts = [task_prompt(sentence) for sentence in sentences]
    captions = [scene_caption(things), *COLORS]
    return sorted(set(re.findall("[a-z]+", " ".join([*prompts, *captions]).lower())))


def build_tokenizer(words: Iterable[str], length: int) -> CLIPTokenizer:
    """Return a tokenizer for which each of `words` (lower-case letters) is one token.

    Args:
        words: the known ones; their order does not matter.
        length: tokens of a prompt, start and end included; longer ones are cut.
    """
    merges = _learn_merges(sorted(set(words)))
    letters = sorted(ByteLevel.alphabet())
    # Every byte, in a word and at its end: CLIP reads what it cannot spell as end of text.
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    pieces += dict.fromkeys("".join(pair) for pair in merges)
    vocabulary = {piece: index for index, piece in enumerate([*pieces, START, END])}
    # transformers 5 ignores the older `vocab_file` and `merges_file` without a word.
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def _learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Return the pairs to merge, first to last, until each word is one piece."""
    spelled = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    merges = []
    while pairs := Counter(pair for word in spelled for pair in pairwise(word)):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        spelled = [_merge(word, best) for word in spelled]
    return merges


def _merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    """Return a word's pieces with every occurrence of a pair made one piece."""
    merged: list[str] = []
    for piece in word:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged
