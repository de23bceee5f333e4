"""How utterances are parted."""

import pytest

from model.errors import ConfigurationError
from model.metrics import SliceSettings, slice_keys
from model.metrics.slices import members

SETTINGS = SliceSettings(duration_edges_seconds=(2.0, 10.0), rate_edges_words_per_second=(2.0, 3.0))


@pytest.mark.parametrize(
    ("words", "seconds", "duration", "rate"),
    [
        (1, 1.0, "under 2 s", "under 2 words/s"),
        (4, 2.0, "2 to 10 s", "2 to 3 words/s"),
        (30, 10.0, "from 10 s", "from 3 words/s"),
        (0, 9.99, "2 to 10 s", "under 2 words/s"),
    ],
)
def test_bins_by_hand(words, seconds, duration, rate):
    assert slice_keys(words, seconds=seconds, settings=SETTINGS) == {"duration": duration, "speaking_rate": rate}


def test_what_is_not_known_is_left_out():
    assert slice_keys(3, settings=SETTINGS) == {}
    assert slice_keys(3, subset="a", speaker="b", gender="", settings=SETTINGS) == {"subset": "a", "speaker": "b"}


def test_slices_are_ordered_and_hold_every_utterance_once_for_each_kind():
    keys = [
        {"gender": "M", "duration": "from 10 s"},
        {"gender": "F", "duration": "under 2 s"},
        {"duration": "2 to 10 s"},
        {"gender": "F", "duration": "under 2 s"},
    ]
    assert members(keys) == [
        ("gender", "F", [1, 3]),
        ("gender", "M", [0]),
        ("gender", "unknown", [2]),
        ("duration", "under 2 s", [1, 3]),
        ("duration", "2 to 10 s", [2]),
        ("duration", "from 10 s", [0]),
    ]
    assert members([{}, {}]) == []


def test_bins_are_ordered_by_size_and_not_by_name():
    settings = SliceSettings()
    keys = [slice_keys(1, seconds=seconds, settings=settings) for seconds in (30.0, 16.0, 12.0, 6.0, 3.0, 1.0)]
    assert [value for kind, value, _ in members(keys) if kind == "duration"] == [
        "under 2 s", "2 to 5 s", "5 to 10 s", "10 to 15 s", "15 to 20 s", "from 20 s",
    ]  # fmt: skip


@pytest.mark.parametrize("edges", [(2.0, 2.0), (3.0, 2.0), (0.0, 1.0), (-1.0,), (float("nan"),)])
def test_edges_must_ascend(edges):
    with pytest.raises(ConfigurationError, match=r"slices\.duration_edges_seconds must be above 0 and ascend, not "):
        SliceSettings(duration_edges_seconds=edges)


def test_no_edges_are_one_bin():
    settings = SliceSettings(duration_edges_seconds=(), rate_edges_words_per_second=())
    keys = slice_keys(1, seconds=1.0, settings=settings)
    assert keys == {"duration": "any s", "speaking_rate": "any words/s"}
    assert members([keys])[0] == ("duration", "any s", [0])


def test_a_slice_of_no_words_cannot_be_asked_for():
    with pytest.raises(ConfigurationError, match=r"slices\.min_words must be at least 1, not 0\."):
        SliceSettings(min_words=0)
