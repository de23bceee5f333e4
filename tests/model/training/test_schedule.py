"""The schedules, by their corners."""

import pytest

from model.training.schedule import gumbel_temperature, learning_rate
from model.training.settings import TrainingSettings

TRI_STAGE = TrainingSettings(
    steps=100, peak_learning_rate=0.1, warmup_share=0.1, hold_share=0.4, final_learning_rate_scale=0.05
)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(1, 0.01), (5, 0.05), (10, 0.1), (30, 0.1), (50, 0.1), (75, 0.1 * 0.05**0.5), (100, 0.005)],
)
def test_the_rate_rises_holds_and_falls_exponentially(step, expected):
    assert learning_rate(TRI_STAGE, step) == pytest.approx(expected, rel=1e-9)


def test_the_rate_falls_linearly_to_nothing():
    settings = TrainingSettings(
        steps=1000, peak_learning_rate=5e-4, warmup_share=0.08, hold_share=0.0, decay="linear",
        final_learning_rate_scale=0.0,
    )  # fmt: skip
    rates = [learning_rate(settings, step) for step in (40, 80, 540, 1000)]
    assert rates == pytest.approx([2.5e-4, 5e-4, 2.5e-4, 0.0], abs=1e-12)


def test_a_schedule_may_be_all_peak():
    settings = TrainingSettings(steps=4, peak_learning_rate=0.5, warmup_share=0.0, hold_share=1.0)
    assert [learning_rate(settings, step) for step in (1, 4)] == [0.5, 0.5]


def test_the_temperature_falls_by_a_factor_down_to_its_end():
    settings = TrainingSettings(steps=10, gumbel_temperature_decay=0.5)
    assert [gumbel_temperature(settings, step) for step in (1, 2, 3, 4)] == [2.0, 1.0, 0.5, 0.5]
