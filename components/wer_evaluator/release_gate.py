"""What the gate asks of the files: that they are whole, fast and small, and padding and format change nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beam_jobs.evaluation import BATCHED, ONNX_INT8
from components.evaluation.gate import Check
from components.evaluation.quantities import is_number, tell
from components.evaluation.rules import check_least, check_most, look_up
from components.wer_evaluator.settings import GateSettings
from model.export.release import CHECKPOINT, FORMATS, ONNX

_PADDINGS = {"alone": "alone", "constant": "alone and with constant padding"}
_FORMATS = {ONNX: "the ONNX file", CHECKPOINT: "the checkpoint"}
_TIMED = {"alone": "the SavedModel", "onnx": "the ONNX file"}


def checks(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """Yields the checks of the release.

    Args:
      metrics: With `expected_ways`, `ways`, `speed`, `sizes` and `release_files`.
      settings: What is asked for.
    """
    for rule in (_files, _paddings, _parity, _int8, _speed, _sizes):
        yield from rule(metrics, settings)


def _files(metrics: Mapping[str, Any], _: GateSettings) -> Iterator[Check]:
    files: Any = metrics.get("release_files")
    if is_number(files) and files >= 1:
        reason = f"All {files} files of the release have the sha256 that ReleaseExporter wrote."
        yield Check("release_files", "PASS", reason, files, files, unit="count", bound="equal")
    else:
        reason = f"The files of the release must be compared with what ReleaseExporter wrote, and {files} were."
        yield Check("release_files", "FAIL", reason)


def _paddings(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """An utterance alone, padded or not, gives what it gives in a batch."""
    least, most = settings.min_padding_text_agreement, settings.max_padding_logit_difference
    ways = [way for way in metrics.get("expected_ways") or () if way in _PADDINGS]
    if not ways:
        asked = least is not None or most is not None
        reason = "The configuration runs no utterance alone, so what padding changes was not measured"
        if asked:
            reason += "; name 'alone' or 'constant' in evaluation.paddings, or ask nothing of padding"
        yield Check("padding", "FAIL" if asked else "NOT APPLICABLE", f"{reason}.")
    else:
        yield _padded(metrics, [BATCHED.name, *ways], least is not None or most is not None)
    for way in ways:
        found, how = look_up(metrics, "ways", way), _PADDINGS[way]
        what = f"The share of the utterances that {how} give the text that they give in a batch"
        yield check_least(f"padding_text/{way}", what, look_up(found, "text_agreement"), least, "fraction")
        what = f"The largest difference of a logit {how} from that in a batch"
        yield check_most(f"padding_logits/{way}", what, look_up(found, "largest_logit_difference"), most)


def _padded(metrics: Mapping[str, Any], ways: Sequence[str], is_asked: bool) -> Check:
    """Where nothing is padded, the ways are one and the same, and agree whatever padding does."""
    numbers = [look_up(metrics, "ways", way, "padded_utterances") for way in ways]
    padded = sum(numbers) if all(map(is_number, numbers)) else None
    what = "The number of times that an utterance was padded, in a batch or to a constant length,"
    mend = "Name 'constant' in evaluation.paddings, with evaluation.pad_to_samples above the utterances' lengths."
    told = mend if is_asked and padded == 0 else ""
    return check_least("padded_utterances", what, padded, 1 if is_asked else None, "count", told=told)


def _parity(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """Every format says what the SavedModel says."""
    for format_, title in _FORMATS.items():
        found = look_up(metrics, "ways", format_)
        of = f"in {tell(look_up(found, 'utterances'), 'count') or 'no'} utterances"
        what = f"The share of equal texts of {title} and the SavedModel {of}"
        least = settings.min_export_text_agreement
        yield check_least(f"parity_text/{format_}", what, look_up(found, "text_agreement"), least, "fraction")
        what = f"The largest difference of a logit of {title} from the SavedModel's"
        most = settings.max_export_logit_difference
        yield check_most(f"parity_logits/{format_}", what, look_up(found, "largest_logit_difference"), most)
        what = f"The largest difference of the WER of {title} from the SavedModel's"
        most = settings.max_export_wer_difference
        yield check_most(f"parity_wer/{format_}", what, _largest_wer_difference(found), most, "points")


def _int8(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """The small file says what the SavedModel says; its logits are rounded, and are not asked for."""
    found = look_up(metrics, "ways", ONNX_INT8.name)
    of = f"in {tell(look_up(found, 'utterances'), 'count') or 'no'} utterances"
    what = f"The share of equal texts of the int8 ONNX file and the SavedModel {of}"
    least = settings.min_int8_text_agreement
    yield check_least("int8_text", what, look_up(found, "text_agreement"), least, "fraction")
    what = "The largest difference of the WER of the int8 ONNX file from the SavedModel's"
    most = settings.max_int8_wer_difference
    yield check_most("int8_wer", what, _largest_wer_difference(found), most, "points")


def _largest_wer_difference(found: Any) -> float | None:
    changes = look_up(found, "wer_difference")
    values = list(changes.values()) if isinstance(changes, Mapping) else []
    return max(map(abs, values)) if values and all(map(is_number, values)) else None


def _speed(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    limits = (settings.min_realtime_factor, settings.max_median_seconds, settings.max_p95_seconds)
    expected = metrics.get("expected_ways") or ()
    for way, title in _TIMED.items():
        if way not in expected:
            asked = any(limit is not None for limit in limits)
            reason = f"The configuration does not run {title} utterance by utterance, so its speed was not measured"
            if asked:
                reason += "; name 'alone' in evaluation.paddings, or ask nothing of speed"
            yield Check(f"speed/{way}", "FAIL" if asked else "NOT APPLICABLE", f"{reason}.")
            continue
        found = look_up(metrics, "speed", way)
        what, value = f"The speed of {title}, as a multiple of real time,", look_up(found, "realtime_factor")
        yield check_least(f"realtime_factor/{way}", what, value, settings.min_realtime_factor, "times")
        what, value = f"The median time of an utterance by {title}", look_up(found, "median_seconds")
        yield check_most(f"median_seconds/{way}", what, value, settings.max_median_seconds, "seconds")
        what, value = f"The 95th percentile of the times by {title}", look_up(found, "p95_seconds")
        yield check_most(f"p95_seconds/{way}", what, value, settings.max_p95_seconds, "seconds")


def _sizes(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    limits = settings.max_release_bytes
    for format_ in FORMATS:
        limit = limits.get(format_) if isinstance(limits, Mapping) else limits
        what = f"The size of {format_}"
        yield check_most(f"size/{format_}", what, look_up(metrics, "sizes", format_), limit, "bytes")
