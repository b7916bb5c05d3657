"""Whatever bytes or values come in, a parser returns what it promises or says one sentence."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from genima_lite.controller.config import ControllerConfig
from genima_lite.demos.images import read_image
from genima_lite.demos.pickler import dump_descriptions
from genima_lite.demos.unpickler import load_demo, load_descriptions
from genima_lite.diffusion.base import BaseConfig
from genima_lite.errors import UserError
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.files import parse_json
from genima_lite.schema import decode
from genima_lite.training.config import TrainingConfig

seeded = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
numbers = st.integers() | st.floats() | st.booleans() | st.none()
values = st.recursive(
    numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
KINDS = (ControllerConfig, BaseConfig, TrainingConfig, EpisodeResult)


def refusal(read):
    """Return what a parser gives, and the sentence with which it refuses."""
    try:
        return read(), None
    except UserError as error:
        return None, str(error)


@seeded
@given(st.binary(max_size=200))
def test_bytes_are_json_or_refused(content):
    found, said = refusal(lambda: parse_json(content, "file.json"))
    json.dumps(found, allow_nan=False)
    assert said is None or said.startswith("file.json: ")


@seeded
@given(st.sampled_from(KINDS), values)
def test_values_become_a_configuration_or_are_refused(kind, value):
    found, said = refusal(lambda: decode(kind, value, "file.json"))
    assert isinstance(found, kind) if said is None else said.startswith("file.json: ")


@seeded
@given(st.sampled_from(KINDS[:3]), st.data())
def test_fields_take_their_own_type_only(kind, data):
    sound = json.loads(json.dumps(vars(kind() if kind is not TrainingConfig else kind(10))))
    name = data.draw(st.sampled_from(sorted(sound)))
    changed = {**sound, name: data.draw(values)}
    found, said = refusal(lambda: decode(kind, changed, "file.json"))
    if said is None:
        kept = getattr(found, name)
        assert (list(kept) if isinstance(kept, tuple) else kept) == changed[name]
    else:
        assert said.startswith("file.json: ")


@seeded
@given(st.binary(max_size=300))
def test_bytes_are_a_demonstration_or_refused(tmp_path, content):
    for begin in (b"", b"\x80\x04", dump_descriptions(["push"])[:-1]):
        path = tmp_path / "low_dim_obs.pkl"
        path.write_bytes(begin + content)
        with pytest.raises(UserError):
            load_demo(path)
        sentences, problem = load_descriptions(path)
        assert (sentences is None) == (problem is not None)


@seeded
@given(st.binary(max_size=300), st.sampled_from(("rgb", "depth", "mask")))
def test_bytes_are_no_picture(tmp_path, content, kind):
    path = tmp_path / "0.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(UserError):
        read_image(path, kind)
