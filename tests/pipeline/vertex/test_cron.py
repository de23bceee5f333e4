"""When schedules fire."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import ConfigurationError
from pipeline.vertex.cron import checked, next_times

UTC = dt.timezone.utc
SUNDAY = dt.datetime(2026, 10, 25, 12, tzinfo=UTC)


def told(*arguments):
    return [time.isoformat() for time in next_times(*arguments)]


def test_the_next_five_times_are_told_in_the_time_zone():
    assert told("0 3 * * 1", "Europe/Berlin", SUNDAY, 5) == [
        "2026-10-26T03:00:00+01:00",
        "2026-11-02T03:00:00+01:00",
        "2026-11-09T03:00:00+01:00",
        "2026-11-16T03:00:00+01:00",
        "2026-11-23T03:00:00+01:00",
    ]


def test_the_clock_of_summer_is_known():
    before = dt.datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert told("0 12 * * *", "America/New_York", before - dt.timedelta(days=20), 2) == [
        "2026-03-07T12:00:00-05:00",
        "2026-03-08T12:00:00-04:00",
    ]


@pytest.mark.parametrize("cron", ["*/15 9-17 * * MON-FRI", "0 0 1 JAN *", "5,35 * * * *", "0 0 29 2 *"])
def test_plain_expressions_are_taken(cron):
    checked(cron, "UTC")


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "@daily",
        "0 0 3 * * 1",
        "0 0 L * *",
        "0 0 * * 5L",
        "0 0 * * 1#2",
        "0 0 ? * *",
        "0  3 * * *",
        "TZ=UTC 0 3 * * *",
    ],
)
def test_what_is_no_plain_expression_is_refused(cron):
    with pytest.raises(ConfigurationError, match="schedule.cron must have five fields"):
        checked(cron, "UTC")


@pytest.mark.parametrize(
    "cron", ["61 * * * *", "0 24 * * *", "0 0 31 2 *", "0 0 31 4,6 *", "0 0 32 * *", "0 0 * 13 *", "0 0 * * XYZ"]
)
def test_times_that_there_are_not_are_refused(cron):
    with pytest.raises(ConfigurationError, match="schedule.cron must name times that there are"):
        checked(cron, "UTC")


@pytest.mark.parametrize("time_zone", ["", "Berlin", "Europe/Atlantis", "../UTC"])
def test_a_time_zone_that_there_is_not_is_refused(time_zone):
    with pytest.raises(ConfigurationError, match="schedule.time_zone must be a name of the IANA database"):
        checked("0 3 * * 1", time_zone)


@given(st.text(alphabet="0123456789*/,- L#?@monjan", max_size=24))
def test_any_text_fires_or_is_refused_with_a_sentence(text):
    with contextlib.suppress(ConfigurationError):
        times = next_times(text, "Europe/Berlin", SUNDAY, 2)
        assert all(time > SUNDAY for time in times)
        assert times == sorted(times)
