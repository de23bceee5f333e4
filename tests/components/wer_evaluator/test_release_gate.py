"""What the gate asks of the files, case by case."""

import math

import pytest

from tests.passing_metrics import METRICS, replaced, require_rejection, way, without

CASES = {
    "a release whose files were not counted": (
        without("release_files"),
        "release_files",
        "The files of the release must be compared with what ReleaseExporter wrote, and None were.",
    ),
    "another text in constant padding": (
        replaced(0.95, "ways", "constant", "text_agreement"),
        "padding_text/constant",
        "The share of the utterances that alone and with constant padding give the text that they give in a batch is"
        " 95.0 %, below the floor of 99.9 %.",
    ),
    "a way that was asked for and not run": (
        without("ways", "alone"),
        "padding_logits/alone",
        "The largest difference of a logit alone from that in a batch must be a number, and is None.",
    ),
    "no utterance alone": (
        replaced(["batched", "onnx"], "expected_ways"),
        "padding",
        "The configuration runs no utterance alone, so what padding changes was not measured; name 'alone' or"
        " 'constant' in evaluation.paddings, or ask nothing of padding.",
    ),
    "nothing that was padded": (
        replaced({name: way(padded_utterances=0) for name in METRICS["ways"]}, "ways"),
        "padded_utterances",
        "The number of times that an utterance was padded, in a batch or to a constant length, is 0, below the floor of"
        " 1. Name 'constant' in evaluation.paddings, with evaluation.pad_to_samples above the utterances' lengths.",
    ),
    "a speed that was asked for and not measured": (
        replaced(["batched", "constant", "onnx", "beam_search"], "expected_ways"),
        "speed/alone",
        "The configuration does not run the SavedModel utterance by utterance, so its speed was not measured; name"
        " 'alone' in evaluation.paddings, or ask nothing of speed.",
    ),
    "another text from ONNX": (
        replaced(0.95, "ways", "onnx", "text_agreement"),
        "parity_text/onnx",
        "The share of equal texts of the ONNX file and the SavedModel in 20 utterances is 95.0 %, below the floor of"
        " 99.9 %.",
    ),
    "other logits from the checkpoint": (
        replaced(0.01, "ways", "checkpoint", "largest_logit_difference"),
        "parity_logits/checkpoint",
        "The largest difference of a logit of the checkpoint from the SavedModel's is 0.01, above the ceiling of"
        " 0.001.",
    ),
    "infinite difference": (
        replaced(math.inf, "ways", "onnx", "largest_logit_difference"),
        "parity_logits/onnx",
        "The largest difference of a logit of the ONNX file from the SavedModel's must be a number, and is inf.",
    ),
    "a better WER from ONNX, which is as strange as a worse one": (
        replaced(-0.002, "ways", "onnx", "wer_difference", "test-other"),
        "parity_wer/onnx",
        "The largest difference of the WER of the ONNX file from the SavedModel's is 0.20 points, above the ceiling of"
        " 0.10 points.",
    ),
    "no ONNX": (
        without("ways", "onnx"),
        "parity_text/onnx",
        "The share of equal texts of the ONNX file and the SavedModel in no utterances must be a number, and is None.",
    ),
    "another text from int8": (
        replaced(0.98, "ways", "onnx_int8", "text_agreement"),
        "int8_text",
        "The share of equal texts of the int8 ONNX file and the SavedModel in 20 utterances is 98.0 %, below the floor"
        " of 99.0 %.",
    ),
    "another WER from int8": (
        replaced(0.006, "ways", "onnx_int8", "wer_difference", "test-other"),
        "int8_wer",
        "The largest difference of the WER of the int8 ONNX file from the SavedModel's is 0.60 points, above the"
        " ceiling of 0.50 points.",
    ),
    "slow": (
        replaced(0.5, "speed", "alone", "realtime_factor"),
        "realtime_factor/alone",
        "The speed of the SavedModel, as a multiple of real time, is 0.5 ×, below the floor of 1 ×.",
    ),
    "now and then slow": (
        replaced(2.5, "speed", "onnx", "p95_seconds"),
        "p95_seconds/onnx",
        "The 95th percentile of the times by the ONNX file is 2.5 s, above the ceiling of 2 s.",
    ),
    "large": (
        replaced(1_000_001, "sizes", "onnx"),
        "size/onnx",
        "The size of onnx is 1.000001 MB, above the ceiling of 1.000000 MB.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_hold_rejects_and_says_why(case):
    require_rejection(*CASES[case])
