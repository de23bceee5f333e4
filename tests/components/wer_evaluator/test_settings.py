"""The settings of the evaluation and of its gate: what is impossible is refused, and the rest travels."""

import math

import pytest

from components.wer_evaluator.settings import EvaluationSettings, GateSettings, require_answers
from model.errors import ConfigurationError, UsageError
from model.settings import from_json, to_json
from tests.passing_metrics import SETTINGS


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "gate must hold a threshold, max_wer or non_inferiority_margin"),
        ({"max_wer": {"test-clean": None}}, "gate must hold a threshold, max_wer or non_inferiority_margin"),
        ({"non_inferiority_margin": 0.01}, "first_run must be 'review' where max_wer holds no ceiling, not 'accept'"),
        (
            {"non_inferiority_margin": 0.01, "max_wer": {"test-clean": None}},
            "first_run must be 'review' where max_wer holds no ceiling, not 'accept'",
        ),
        ({"max_slice_wer": 0.5}, "gate must hold a threshold, max_wer or non_inferiority_margin"),
        ({"max_wer": -0.1}, r"gate.max_wer must be a fraction, 0.1 for 10 %, not -0.1"),
        ({"max_wer": 50}, r"gate.max_wer must be a fraction, 0.1 for 10 %, not 50"),
        ({"max_wer": "low"}, r"gate.max_wer must be a fraction, 0.1 for 10 %, not 'low'"),
        ({"max_wer": math.nan}, r"gate.max_wer must be a fraction, 0.1 for 10 %, not nan"),
        ({"max_wer": {}}, r"gate.max_wer must be a fraction, or one for each test split; it is empty"),
        ({"max_wer": {"test-a": 11}}, r"gate.max_wer\['test-a'\] must be a fraction, 0.1 for 10 %, not 11"),
        (
            {"max_wer": 0.5, "non_inferiority_margin": math.inf},
            "gate.non_inferiority_margin must be a difference of fractions, 0.005",
        ),
        ({"max_wer": 0.5, "min_export_text_agreement": 2}, r"min_export_text_agreement must be in \[0, 1\], not 2"),
        ({"max_wer": 0.5, "max_silence_words": -1}, "max_silence_words must be a number of at least 0, not -1"),
        ({"max_wer": 0.5, "max_release_bytes": {"tflite": 1}}, "max_release_bytes must name 'saved_model', 'onnx'"),
        (
            {"max_wer": 0.5, "max_release_bytes": {"onnx": 0}},
            r"max_release_bytes\['onnx'\] must be a number of at least 1",
        ),
        ({"max_wer": 0.5, "min_utterances": 0}, "min_utterances must be at least 1, not 0"),
        ({"max_wer": 0.5, "first_run": "maybe"}, "first_run must be 'accept' or 'review', not 'maybe'"),
    ],
)
def test_impossible_settings_are_refused(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        GateSettings(**fields)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"num_probes": 0}, ConfigurationError, "evaluation.num_probes must be at least 1, not 0"),
        ({"num_noises": -1}, ConfigurationError, "evaluation.num_noises must be at least 0, not -1"),
        ({"paddings": ("alone", "alone")}, ConfigurationError, "paddings must name 'alone' and 'constant', each once"),
        ({"paddings": ("none",)}, ConfigurationError, "paddings must name 'alone' and 'constant', each once"),
        ({"pad_to_samples": 10}, ConfigurationError, "evaluation.pad_to_samples must be at least 400, not 10"),
        ({"normaliser": "whisper"}, UsageError, "A normaliser must be one of none, librispeech, unpunctuated"),
    ],
)
def test_impossible_evaluation_settings_are_refused(fields, error, message):
    with pytest.raises(error, match=message):
        EvaluationSettings(**fields)


def test_settings_travel_as_json():
    assert from_json(GateSettings, to_json(SETTINGS)) == SETTINGS
    evaluation = EvaluationSettings(paddings=("constant",), normaliser="none")
    assert from_json(EvaluationSettings, to_json(evaluation)) == evaluation


@pytest.mark.parametrize(
    ("evaluation", "gate", "message"),
    [
        ({"num_silences": 0}, {}, r"evaluation.num_silences must be at least 1 with gate.max_silence_words 0, not 0"),
        (
            {"num_noises": 0},
            {"max_noise_words": 9},
            r"num_noises must be at least 1 with gate.max_noise_words 9, not 0",
        ),
        (
            {"paddings": ()},
            {},
            r"paddings must name 'alone' or 'constant' with gate.min_padding_text_agreement, not \(\)",
        ),
        (
            {"paddings": ("constant",)},
            {"max_p95_seconds": 1.0},
            r"paddings must name 'alone' with gate.max_p95_seconds, not \('constant',\)",
        ),
        ({}, {"max_beam_search_wer": 0.1}, r"evaluation.beam_search must name a language model with .* 0.1, not None"),
        (
            {"splits": ("test-a", "test-b")},
            {"max_wer": {"test-a": 0.5, "test-c": 0.5}},
            r"gate.max_wer must name the test splits of evaluation.splits, test-a, test-b, not test-a, test-c",
        ),
    ],
)
def test_a_gate_that_asks_for_what_is_not_measured_is_refused(evaluation, gate, message):
    with pytest.raises(ConfigurationError, match=message):
        require_answers(EvaluationSettings(**evaluation), GateSettings(**{"max_wer": 0.5, **gate}))
    require_answers(EvaluationSettings(), GateSettings(max_wer={"test-a": 0.5}))
