"""Settings: they travel as JSON and refuse what they do not know."""

import dataclasses
from typing import Literal

import pytest

from model.errors import ConfigurationError
from model.settings import digest, from_json, from_mapping, require, to_json


@dataclasses.dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    names: tuple[str, ...] = ()

    def __post_init__(self):
        require(self.rate > 0, f"rate must be above 0, not {self.rate}.")


@dataclasses.dataclass(frozen=True)
class Outer:
    steps: int
    kind: Literal["a", "b"] = "a"
    limit: int | None = None
    inner: Inner = dataclasses.field(default_factory=Inner)
    table: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)


def test_they_come_back_as_they_were():
    settings = Outer(3, "b", None, Inner(1.0, ("x", "y")), {"k": (1, 2)})
    assert from_json(Outer, to_json(settings)) == settings
    assert digest(settings) == digest(from_json(Outer, to_json(settings)))
    assert digest(settings) != digest(dataclasses.replace(settings, steps=4))


@dataclasses.dataclass(frozen=True)
class Other:
    weight: float = 1.0


@dataclasses.dataclass(frozen=True)
class Either:
    part: Inner | Other
    more: Other | None = None


def test_one_of_two_kinds_is_known_by_its_fields():
    for settings in (Either(Inner(2.0)), Either(Other(3.0), Other(4.0))):
        assert from_json(Either, to_json(settings)) == settings
    with pytest.raises(ConfigurationError, match="part has no field 'height'; its fields are rate, names"):
        from_mapping(Either, {"part": {"height": 1.0}})
    with pytest.raises(ConfigurationError, match="part must be a mapping of fields, not 5"):
        from_mapping(Either, {"part": 5})


def test_a_whole_number_may_stand_for_a_float():
    assert from_mapping(Outer, {"steps": 1, "inner": {"rate": 2}}).inner.rate == 2.0


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"steps": 1, "stepps": 2}, "Outer has no field 'stepps'; did you mean 'steps'?"),
        ({"steps": 1, "zzz": 2}, "Outer has no field 'zzz'; its fields are steps, kind, limit, inner, table."),
        ({}, "Outer needs a value for 'steps'; none was given."),
        ({"steps": "1"}, "steps must be of type int, not '1'."),
        ({"steps": True}, "steps must be of type int, not True."),
        ({"steps": 1, "kind": "c"}, "kind must be one of 'a', 'b', not 'c'."),
        ({"steps": 1, "inner": {"rates": 1}}, "inner has no field 'rates'; did you mean 'rate'?"),
        ({"steps": 1, "inner": {"rate": 0}}, "rate must be above 0, not 0.0."),
        ({"steps": 1, "inner": {"names": "x"}}, "inner.names must be a list, not 'x'."),
        ({"steps": 1, "inner": {"names": [1]}}, "inner.names[0] must be of type str, not 1."),
        ({"steps": 1, "table": {"k": [1]}}, "table.k must have 2 items, not 1: [1]."),
        ({"steps": 1, "limit": "x"}, "limit must be of type int, not 'x'."),
        ([], "Outer must be a mapping of fields, not []."),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(value, message):
    with pytest.raises(ConfigurationError) as caught:
        from_mapping(Outer, value)
    assert str(caught.value) == message


def test_what_is_no_json_is_said():
    with pytest.raises(ConfigurationError, match="Outer must be a JSON object, but the text is no JSON"):
        from_json(Outer, "{")
