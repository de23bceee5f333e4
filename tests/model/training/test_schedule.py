"""The three stages of the learning rate."""

import numpy as np

from model.training.schedule import TriStageSchedule
from model.training.settings import TrainingSettings


def test_the_rate_rises_holds_and_falls():
    schedule = TriStageSchedule(
        TrainingSettings(
            steps=100, peak_learning_rate=1.0, warmup_share=0.1, hold_share=0.4, final_learning_rate_scale=0.01
        )
    )
    rates = np.array([float(schedule(step)) for step in range(100)])
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10, rtol=1e-5)
    np.testing.assert_allclose(rates[9:50], 1.0, rtol=1e-5)
    np.testing.assert_allclose(rates[74], 0.1, rtol=1e-4)
    np.testing.assert_allclose(rates[99], 0.01, rtol=1e-4)
    assert (np.diff(rates[50:]) < 0).all()
