"""int8 on another processor: as far from what was measured as rounding explains is sound, and more is not."""

import numpy as np
import pytest

from model.errors import ReleaseError
from model.export.int8_agreement import require_int8_agreement

FRAMES, TOKENS = 60, 32
RANDOM = np.random.default_rng(0)
EXACT = RANDOM.normal(0, 4, (FRAMES, TOKENS)).astype(np.float32)
ROUNDING = RANDOM.normal(0, 0.1, (FRAMES, TOKENS)).astype(np.float32)
MEASURED = EXACT + ROUNDING


def text_of(logits):
    return "".join(chr(65 + token) for token in logits.argmax(axis=-1))


def require(logits, text=None, measured=MEASURED, measured_text=None, exact=EXACT):
    found = logits, text_of(logits) if text is None else text
    expected = measured, text_of(measured) if measured_text is None else measured_text
    require_int8_agreement("probe 0", found, expected, exact, 1e-3, "model_quantized.onnx")


def test_what_was_measured_agrees():
    require(MEASURED)


def test_a_rounding_that_has_nothing_in_common_with_the_measured_one_agrees():
    for seed in range(20):
        other = np.random.default_rng(seed + 1).normal(0, 0.1, EXACT.shape).astype(np.float32)
        require(EXACT + other)


@pytest.mark.parametrize(
    "change",
    [
        lambda logits: logits * 1.06,
        lambda logits: logits + np.linspace(-0.3, 0.3, TOKENS, dtype=np.float32),
        lambda logits: np.roll(logits, 1, axis=0),
        lambda logits: np.roll(logits, 1, axis=1),
        np.zeros_like,
        lambda logits: np.full_like(logits, 1e30),
    ],
    ids=["scaled", "biased", "late", "other letters", "silent", "huge"],
)
def test_what_rounding_does_not_explain_is_refused(change):
    with pytest.raises(
        ReleaseError, match=r"int8 logits of probe 0 must be within 0\.15 of what was measured \(root m"
    ):
        require(change(MEASURED))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(value):
    logits = MEASURED.copy()
    logits[3, 4] = value
    with pytest.raises(ReleaseError, match=r"int8 logits of probe 0 must be numbers in the shape \[60, 32\]"):
        require(logits)


def test_other_frames_are_refused():
    with pytest.raises(ReleaseError, match=r"must be numbers in the shape \[60, 32\] .* have \[59, 32\]"):
        require(MEASURED[1:])


def test_where_int8_changes_nothing_what_float32_may_differ_by_holds():
    require(EXACT + 9e-4, measured=EXACT)
    with pytest.raises(ReleaseError, match=r"must be within 0\.001 of what was measured"):
        require(EXACT + 2e-3, measured=EXACT)


def leading(lead):
    """Measured logits of which one frame's two best letters are so far apart."""
    logits = MEASURED.copy()
    logits[7] = -10
    logits[7, [3, 9]] = [5 + lead, 5]
    exact = logits - ROUNDING
    return logits, exact


def test_a_letter_that_was_as_good_may_be_heard_instead():
    measured, exact = leading(0.2)
    heard = measured.copy()
    heard[7, 9] += 0.25
    assert text_of(heard) != text_of(measured)
    require(heard, measured=measured, exact=exact)


def test_a_letter_that_was_not_nearly_as_good_may_not():
    measured, exact = leading(2.0)
    heard = measured.copy()
    heard[7, 9] += 2.1
    with pytest.raises(ReleaseError, match="The int8 text of probe 0 must be '.*', as was measured; model_quantized"):
        require(heard, measured=measured, exact=exact)


def test_another_text_of_the_same_letters_is_refused():
    with pytest.raises(ReleaseError, match=r"The int8 text of probe 0 must be 'A B', .* gives 'AB'"):
        require(MEASURED, text="AB", measured_text="A B")
