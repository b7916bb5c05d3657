"""Values of JSON become dataclasses; what does not fit is refused by its place."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.files import write_json


@dataclass(frozen=True)
class Network:
    layers: int = 2
    channels: tuple[int, ...] = (8, 16)

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise UserError("layers must be at least 1")


@dataclass(frozen=True)
class Run:
    name: str
    rate: float = 1.0
    network: Network = field(default_factory=Network)
    begin: str | None = None
    again: bool = False


def test_what_asdict_gives_comes_back(tmp_path: Path) -> None:
    run = Run("a", 2, Network(3, (32,)), "b", True)
    write_json(tmp_path / "run.json", asdict(run))
    assert schema.read(Run, tmp_path / "run.json") == run


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "object missing required field `name`"),
        ([], "expected `object`, got `array`"),
        ({"name": 1}, "name: expected `str`, got `int`"),
        ({"name": "a", "again": "no"}, "again: expected `bool`, got `str`"),
        ({"name": "a", "rate": "1"}, "rate: expected `float`, got `str`"),
        ({"name": "a", "network": {"layers": True}}, "network.layers: expected `int`, got `bool`"),
        ({"name": "a", "network": {"layers": 1.5}}, "network.layers: expected `int`, got `float`"),
        (
            {"name": "a", "network": {"channels": [8, "x"]}},
            r"network.channels\[1\]: expected `int`",
        ),
        ({"name": "a", "network": {"layers": 0}}, "network: layers must be at least 1"),
        ({"name": "a", "network": {"wide": 1}}, "unknown name 'network.wide'"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(values: object, message: str) -> None:
    with pytest.raises(UserError, match=f"^here: {message}"):
        schema.decode(Run, values, "here")


def test_names_of_others_are_allowed_only_if_one_says_so() -> None:
    values = {"name": "a", "made_by": "somebody"}
    assert schema.decode(Run, values, "here", others=True) == Run("a")
    with pytest.raises(UserError, match="unknown name 'made_by'"):
        schema.decode(Run, values, "here")


def test_parts_of_lists_are_looked_into() -> None:
    with pytest.raises(UserError, match=r"unknown name '\[1\].wide'"):
        schema.decode(list[Network], [{"layers": 1}, {"wide": 1}], "here")


def test_settings_that_are_not_finite_are_refused_by_name() -> None:
    @dataclass(frozen=True)
    class Blur:
        pixels: tuple[float, float] = (0.3, 1.8)
        run: Run = Run("a")

    schema.check_finite(Blur())
    with pytest.raises(UserError, match=r"^run\.rate is inf; give a finite number"):
        schema.check_finite(Blur(run=Run("a", float("inf"))))
    with pytest.raises(UserError, match="pixels is nan"):
        schema.check_finite(Blur((0.3, float("nan"))))
