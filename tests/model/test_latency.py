"""Contenders are called in turns, and compared round by round."""

import time

import pytest

from model.errors import ConfigurationError
from model.latency import Latency, measure_in_turns


def test_contenders_take_turns_after_they_are_warm():
    called = []
    names = ("one", "other")
    found = measure_in_turns({name: lambda name=name: called.append(name) for name in names}, rounds=3, warm_up=2)
    assert called == ["one", "one", "other", "other", *names, *names, *names]
    assert [len(one.seconds) for one in found.values()] == [3, 3]
    assert list(found) == ["one", "other"]
    assert found["one"].relative == 1.0


def test_the_ratio_is_the_median_of_the_rounds(monkeypatch):
    # Begin and end of each call: 1, 2 and 4 s against 2, 2 and 40 s.
    lengths = [1, 2, 2, 2, 4, 40]
    clock = iter([moment for length in lengths for moment in (0.0, float(length))])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    found = measure_in_turns({"fast": lambda: None, "slow": lambda: None}, rounds=3, warm_up=0)
    assert found["fast"].seconds == (1.0, 2.0, 4.0)
    assert found["slow"] == Latency((2.0, 2.0, 40.0), 2.0)
    assert (found["fast"].median_seconds, found["slow"].median_seconds) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("contenders", "rounds", "warm_up", "message"),
    [
        ({}, 3, 0, "There must be something to measure"),
        ({"a": list}, 0, 0, "rounds must be at least 1, not 0"),
        ({"a": list}, 1, -1, "warm_up must be at least 0, not -1"),
    ],
)
def test_what_makes_no_sense_is_refused(contenders, rounds, warm_up, message):
    with pytest.raises(ConfigurationError, match=message):
        measure_in_turns(contenders, rounds, warm_up)
