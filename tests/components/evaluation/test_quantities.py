"""Numbers as people read them."""

import math

import pytest

from components.evaluation.quantities import is_number, tell, tell_both


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (0.0863, "fraction", "8.6 %"),
        (-0.00213, "points", "−0.21 points"),
        (1.5, "nats", "1.500 nats"),
        (0.0371, "seconds", "0.0371 s"),
        (1234.5, "seconds", "1,234 s"),
        (37.46, "times", "37.5 ×"),
        (1_300_000, "bytes", "1.3 MB"),
        (999, "bytes", "999 bytes"),
        (0, "bytes", "0 bytes"),
        (52_576, "count", "52,576"),
        (1e-5, "", "1e-05"),
        (0.123456, "", "0.123"),
        (None, "fraction", ""),
        (math.nan, "fraction", "no number"),
        (math.inf, "", "no number"),
    ],
)
def test_each_unit_has_its_words(value, unit, told):
    assert tell(value, unit) == told


def test_two_that_differ_are_told_so():
    assert tell_both(0.1, 0.1, "fraction") == ("10.0 %", "10.0 %")
    assert tell_both(0.1004, 0.1, "fraction") == ("10.04 %", "10.00 %")
    assert tell_both(1_000_001, 1_000_000, "bytes") == ("1.000001 MB", "1.000000 MB")
    assert tell_both(1.0 + 1e-12, 1.0, "nats") == ("1.000000000001", "1.0")


@pytest.mark.parametrize("value", [None, True, "1", math.nan, -math.inf, [], {}])
def test_what_is_no_number(value):
    assert not is_number(value)
    assert is_number(0)
    assert is_number(-0.5)
