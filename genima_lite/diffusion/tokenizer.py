"""A CLIP tokenizer with a home-made vocabulary: the words of our prompts, and every byte.

Byte-pair encoding, learned as CLIP's own vocabulary was: the most frequent pair of neighbours
becomes one piece, again and again. Here it goes on until every known word is a single piece, so
that a colour is one token. Any other word is spelled in bytes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from genima_lite import schema
from genima_lite.diffusion.folder import check_place
from genima_lite.diffusion.prompts import scene_caption, task_prompt
from genima_lite.envs.api import vocabulary
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, read_bytes, read_json
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


@dataclass(frozen=True)
class _Vocabulary:
    """The `model` of a `tokenizer.json`, or `vocab.json` and `merges.txt` together."""

    vocab: dict[str, int]
    merges: list[str | tuple[str, str]]
    type: str = "BPE"
    end_of_word_suffix: str | None = "</w>"


@dataclass(frozen=True)
class _TokenizerFile:
    model: _Vocabulary


@dataclass(frozen=True)
class _Token:
    content: str


@dataclass(frozen=True)
class _TokenizerConfig:
    """What `tokenizer_config.json` says of interest."""

    model_max_length: float | None = None
    bos_token: str | _Token = START
    eos_token: str | _Token = END
    unk_token: str | _Token = END
    pad_token: str | _Token = END
    auto_map: None = None


def read_tokenizer(folder: Path, longest: int, name: str = "tokenizer") -> CLIPTokenizer:
    """Read the CLIP tokenizer of a model in Stable Diffusion's format.

    Vocabulary and merges are all that is taken from the files: what else they may hold, normalizers
    and regular expressions, is CLIP's.

    Args:
        folder: of the model.
        longest: tokens that the text encoder reads at most.
        name: of its folder.

    Raises:
        UserError: a missing or broken file, or a vocabulary in which words mean nothing or alike.
    """
    found, path = _read_vocabulary(folder, name)
    said = _read_tokenizer_config(folder, name)
    pieces = [pair.split(" ") if isinstance(pair, str) else list(pair) for pair in found.merges]
    special = {
        each: token if isinstance(token := getattr(said, each), str) else token.content
        for each in ("bos_token", "eos_token", "unk_token", "pad_token")
    }
    _check_vocabulary(path, found, pieces, special)
    length = said.model_max_length or longest
    try:
        made = CLIPTokenizer(
            vocab=found.vocab,
            merges=[(one, other) for one, other in pieces],
            model_max_length=int(min(length, longest)),
            **special,
        )
    except Exception as error:  # the Rust library has no narrower one
        raise UserError(f"{path}: no vocabulary of CLIP ({error})") from None
    _check_words(path, made)
    return made


def _read_vocabulary(folder: Path, name: str) -> tuple[_Vocabulary, Path]:
    """Return vocabulary and merges, and the file with the first."""
    place = folder / name
    path = place / "tokenizer.json"
    if path.exists() or path.is_symlink():
        check_place(folder, path)
        return schema.read(_TokenizerFile, path, others=True).model, path
    path, merges = place / "vocab.json", place / "merges.txt"
    for each in (path, merges):
        if not (each.exists() or each.is_symlink()):
            raise UserError(f"{place}: {each.name} is missing (no tokenizer.json either)")
        check_place(folder, each)
    vocabulary = schema.read(dict[str, int], path)
    try:
        lines = read_bytes(merges, 16 * MEBIBYTE).decode().splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{merges}: no text ({error})") from None
    return _Vocabulary(vocabulary, [line for line in lines[1:] if line]), path


def _read_tokenizer_config(folder: Path, tokenizer: str) -> _TokenizerConfig:
    """Return what is said about special tokens and the length of a prompt."""
    values: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        path = folder / tokenizer / name
        if path.exists() or path.is_symlink():
            check_place(folder, path)
            values |= schema.decode(dict[str, Any], read_json(path, MEBIBYTE), path)
    values = {name: value for name, value in values.items() if value is not None}
    return schema.decode(_TokenizerConfig, values, folder / tokenizer, others=True)


def _check_vocabulary(
    path: Path, found: _Vocabulary, pieces: list[list[str]], special: dict[str, str]
) -> None:
    """Refuse a vocabulary in which some text has no tokens of its own."""
    vocab, suffix = found.vocab, found.end_of_word_suffix
    if found.type != "BPE" or suffix != "</w>":
        raise UserError(
            f"{path}: a {found.type} with end of word '{suffix}', CLIP's has BPE, '</w>'"
        )
    letters = ByteLevel.alphabet()
    wanted = [*special.values(), *letters, *(f"{letter}</w>" for letter in letters)]
    if missing := [piece for piece in wanted if piece not in vocab]:
        raise UserError(
            f"{path}: '{missing[0]}' is not in the vocabulary of {len(vocab)} pieces, so words "
            "would mean nothing; get the model again"
        )
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise UserError(f"{path}: the pieces are not numbered from 0 to {len(vocab) - 1}")
    if any(len(pair) != 2 for pair in pieces):
        raise UserError(f"{path}: a merge is of two pieces")


def _check_words(path: Path, tokenizer: CLIPTokenizer) -> None:
    """Refuse a tokenizer for which known words are unknown or alike."""
    words = sorted({*COLORS, *re.findall("[a-z]+", task_prompt("push the button").lower())})
    tokens = [tuple(ids[1:-1]) for ids in tokenizer(words).input_ids]
    for word, ids in zip(words, tokens, strict=True):
        if not ids or tokenizer.unk_token_id in ids or tokens.count(ids) > 1:
            raise UserError(f"{path}: the word '{word}' has no tokens of its own")
