"""The curves of a training: where the points are, what is said to those who do not see them."""

import re

import pytest

from components.evaluation.curves import Line, plot, training_section

TRAINING = {
    "steps": 1200,
    "seconds": 90.0,
    "samples": 16_000 * 3_600 * 2,
    "epochs": 3.5,
    "padding_share": 0.054,
    "left_out": 3,
    "validation_left_out": 1,
    "without_path": 2,
    "interruptions": 1,
    "best_step": 1000,
    "averaged_steps": [800, 1000],
    "curves": {
        "step": [600, 1200],
        "loss": [2.0, 0.5],
        "learning_rate": [1e-3, 5e-5],
        "gradient_norm": [1.5, float("nan")],
        "padding_share": [0.05, 0.06],
    },
    "measurements": [
        {"step": 600, "training_loss": 2.0, "validation": {"loss": 1.5, "wer": 0.5}},
        {"step": 1200, "training_loss": 0.5, "validation": {"loss": 0.7, "wer": 0.125}},
    ],
}


def points(figure, number):
    return [
        tuple(map(float, pair.split(",")))
        for pair in re.findall(rf'line-{number}" points="([^"]*)"', figure)[0].split()
    ]


def test_points_lie_where_their_values_are():
    figure = plot("Loss", [Line("training", [0, 50, 100], [0.0, 4.0, 2.0])])
    (x0, y0), (x1, y1), (x2, y2) = points(figure, 0)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 < y2 < y0
    assert y2 == pytest.approx((y0 + y1) / 2, abs=0.2)
    assert 'aria-label="Loss by step. training: 0 at step 0, 2 at step 100."' in figure
    assert re.findall(r'text-anchor="end">([\d.]+)</text>', figure)[:5] == ["0", "1", "2", "3", "4"]


def test_what_is_no_number_is_left_out():
    figure = plot("Loss", [Line("a", [1, 2, 3], [1.0, float("nan"), 2.0]), Line("b<", [1], [None])])
    assert len(points(figure, 0)) == 2
    assert "b&lt;" not in figure
    assert "There is no number to show" in plot("Loss", [Line("a", [1], [None])])


def test_a_section_tells_how_training_went():
    section = training_section(TRAINING)
    told = (
        "1,200 updates in 1.5 minutes; 2.00 hours of speech (3.5 epochs); 5.4 % padding; 3 utterances were too long or"
        " too short and left out; 1 utterances of validation were shorter than a frame; 2 times an utterance had fewer"
        " frames than its labels need; asked to stop and gone on with 1 times; the weights of the steps 800, 1,000 were"
        " averaged."
    )
    assert told in section
    titles = re.findall(r"<figcaption>([^<]*)<", section)
    assert titles == [
        "Loss (nats)", "Validation WER (%)", "Learning rate", "Norm of the gradients", "Padding in the batches (%)",
    ]  # fmt: skip
    assert "validation: 50 at step 600, 12.5 at step 1,200" in section
    assert section.count("<svg") == 5


def test_pre_training_has_measures_of_its_own():
    measurements = [
        {"step": 600, "training_loss": 3.0, "validation": {"loss": 3.1, "accuracy": 0.2, "perplexity": 90.0}}
    ]
    section = training_section({**TRAINING, "measurements": measurements, "averaged_steps": [600], "best_step": 600})
    assert "Right choices among negatives (%)" in section
    assert "Codes in use" in section
    assert "the weights of step 600 were kept." in section
