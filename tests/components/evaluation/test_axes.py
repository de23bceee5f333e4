"""Round numbers at the axes, and points where they belong."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.evaluation.axes import Axes, tick_label, ticks_between


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
@example(0.0, 5e-324)
@example(0.0, -5e-324)
@example(1e6, 1e6 + 1e-9)
def test_ticks_are_few_and_enclose_both(one, other):
    low, high = sorted((one, other))
    found = ticks_between(low, high)
    assert 2 <= len(found) <= 7
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert found[0] <= low + slack
    assert found[-1] >= high - slack
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (0, 35, [0, 10, 20, 30, 40]),
        (-0.3, 0.9, [-0.5, 0, 0.5, 1.0]),
        (0, 0, [0, 0.25, 0.5, 0.75, 1]),
    ],
)
def test_ticks_are_round(low, high, ticks):
    assert ticks_between(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "label"),
    [(0, "0"), (12_345, "12,345"), (0.25, "0.25"), (5e-5, "5e-5"), (0.00075, "7.5e-4"), (-0.5, "−0.5"), (2.5, "2.5")],
)
def test_labels(value, label):
    assert tick_label(value) == label


def test_a_point_lies_between_the_ends():
    axes = Axes(0.0, 10.0, [0.0, 50.0, 100.0])
    (left, bottom), (right, top) = axes.place(0.0, 0.0), axes.place(10.0, 100.0)
    assert axes.place(5.0, 50.0) == ((left + right) / 2, (top + bottom) / 2)
    picture = axes.picture("told <b>", {0.0: "first"}, "seconds", "<g></g>")
    assert 'aria-label="told &lt;b&gt;"' in picture
    assert picture.count('class="grid"') == 3
    assert f'<text class="tick" x="{left}" y="182" text-anchor="middle">first</text>' in picture
