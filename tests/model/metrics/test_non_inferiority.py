"""The rule of the gate, by hand."""

import math

import pytest

from model.metrics import Difference, Interval, judge_non_inferiority


def difference(value=0.001, upper_bound=0.003, standard_error=0.001):
    return Difference(value, Interval(-0.001, 0.0035, "speaker"), 0.2, 0.0028, standard_error, upper_bound, 40)


@pytest.mark.parametrize(
    ("upper_bound", "margin", "passes"),
    [(0.003, 0.005, True), (0.003, 0.003, True), (0.00301, 0.003, False), (-0.001, 0.0, True), (0.0, 0.0, True)],
)
def test_the_upper_bound_decides_and_not_the_point(upper_bound, margin, passes):
    judged = judge_non_inferiority(difference(upper_bound=upper_bound), margin)
    assert judged.is_non_inferior is passes
    assert (judged.margin, judged.upper_bound, judged.difference) == (margin, upper_bound, 0.001)


@pytest.mark.parametrize("field", ["value", "upper_bound"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_rejected(field, value):
    assert judge_non_inferiority(difference(**{field: value}), 10.0).is_non_inferior is False


def test_what_the_test_set_is_good_for():
    judged = judge_non_inferiority(difference(standard_error=0.001), 0.005)
    assert judged.smallest_margin == pytest.approx(2 * 1.644854 * 0.001)
    assert judged.smallest_detectable == pytest.approx(0.005 - (1.644854 - 0.841621) * 0.001)
    # P(z > 5 − 1.645) = P(z > 3.355)
    assert judged.equal_rejected == pytest.approx(0.000397, abs=1e-6)
    at_the_smallest = judge_non_inferiority(difference(standard_error=0.001), judged.smallest_margin)
    assert at_the_smallest.equal_rejected == pytest.approx(0.05)
    without_spread = judge_non_inferiority(difference(standard_error=0.0), 0.0)
    assert (without_spread.equal_rejected, without_spread.smallest_margin) == (0.0, 0.0)
    unknown = judge_non_inferiority(difference(standard_error=math.nan), 0.005)
    assert math.isnan(unknown.equal_rejected)
    assert math.isnan(unknown.smallest_margin)


@pytest.mark.parametrize("margin", [-0.001, math.nan, math.inf])
def test_a_margin_must_be_a_number_of_at_least_0(margin):
    with pytest.raises(ValueError, match="A margin must be a number of at least 0, not "):
        judge_non_inferiority(difference(), margin)
