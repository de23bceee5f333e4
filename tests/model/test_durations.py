"""Durations as people say them."""

import pytest

from model.durations import format_seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (245.2, "4 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7384, "2 h 03 min"),
    ],
)
def test_durations(seconds, words):
    assert format_seconds(seconds) == words
