"""The rules that the gates of all evaluators are made of. Pure.

What is missing, is no number or cannot be read fails the check that needs it. What the configuration asks nothing of is
told, too, as NOT APPLICABLE: a reviewer sees what was measured and not judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal

from components.evaluation.gate import Bound, Check, Outcome
from components.evaluation.naming import CANDIDATE, LATEST_BLESSED, baseline_name
from components.evaluation.quantities import Unit, is_number, tell, tell_both
from model.metrics import MIN_BLOCKS, Difference, Interval, judge_non_inferiority

FirstRun = Literal["accept", "review"]


def look_up(value: Any, *path: str) -> Any:
    """Returns what stands at the end of a path of keys; None where a step is missing."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def check_most(
    name: str, what: str, value: Any, limit: float | None, unit: Unit = "", interval: Any = None, told: str = ""
) -> Check:
    """Checks that a number is not above a ceiling.

    Args:
      name: Of the check.
      what: The number's name, as the beginning of a sentence.
      value: What was measured; whatever is no number fails.
      limit: The ceiling; None where the configuration asks for none.
      unit: Of both.
      interval: A mapping with `low` and `high`; None where there is none.
      told: What else is to be said; a sentence.
    """
    return _check_bound(name, what, value, limit, unit, interval, told, "most")


def check_least(name: str, what: str, value: Any, limit: float | None, unit: Unit = "", told: str = "") -> Check:
    """Checks that a number is not below a floor. The arguments are those of `check_most`."""
    return _check_bound(name, what, value, limit, unit, None, told, "least")


def check_splits(
    metrics: Mapping[str, Any], counts_of: Callable[[Any], dict[str, Any]], min_utterances: int
) -> Iterator[Check]:
    """Checks that every split that was to be measured is there, whole.

    Args:
      metrics: With `expected_splits`, and `splits`, each with what ingest `promised`.
      counts_of: Returns from what was measured of a split its `utterances`, and its words or its samples.
      min_utterances: How many each must have.
    """
    expected = metrics.get("expected_splits") or ()
    if not expected:
        yield Check("splits", "FAIL", "There must be a split to measure, and there is none.")
    for split in expected:
        measured = look_up(metrics, "splits", split)
        name = f"complete/{split}"
        if measured is None:
            reason = f"{split} must be measured, and was not."
            yield Check(name, "FAIL", reason, min_utterances, 0, unit="count", bound="least")
            continue
        counts = counts_of(measured)
        yield check_counts(name, split, counts, look_up(measured, "promised"), "ingest said")
        what = f"The number of utterances of {split}"
        yield check_least(f"min_utterances/{split}", what, counts["utterances"], min_utterances, "count")


def check_counts(
    name: str,
    split: str,
    counts: Mapping[str, Any],
    promised: Mapping[str, Any] | None,
    who: str,
    may_be_unknown: Collection[str] = (),
) -> Check:
    """Checks that as much was measured of a split as there must be.

    Args:
      name: Of the check.
      split: Of the examples.
      counts: `utterances`, and words or samples.
      promised: The same; None where nobody has counted.
      who: Who has, and what they did, such as `ingest said`.
      may_be_unknown: Which of the counts nobody need have made.
    """
    utterances = counts["utterances"]
    if not isinstance(promised, Mapping):
        reason = f"{split} must be held against the counts of ingest, and there are none."
        return Check(name, "FAIL", reason, None, utterances, unit="count", bound="equal")
    unknown = [key for key in counts if promised.get(key) is None]
    missing = [key for key in unknown if key not in may_be_unknown]
    if missing:
        reason = f"{split} must be held against all counts that {who}, and there is none of {' and '.join(missing)}."
        return Check(name, "FAIL", reason, None, utterances, unit="count", bound="equal")
    wanted = {key: promised[key] for key in counts if key not in unknown}
    held = {key: counts[key] for key in wanted}
    threshold = wanted.get("utterances")
    if not wanted or held != wanted:
        reason = f"{split} must have {_counted(wanted)} as {who}, and {_counted(held, bare=True)} were measured."
        return Check(name, "FAIL", reason, threshold, utterances, unit="count", bound="equal")
    reason = f"All {_counted(wanted)} of {split} were measured, as {who}."
    return Check(name, "PASS", reason, threshold, utterances, unit="count", bound="equal")


def check_anomalies(metrics: Mapping[str, Any], are_allowed: bool) -> Check:
    """Checks that ExampleValidator found nothing odd in the data.

    Args:
      metrics: With `anomalies`, lists by split.
      are_allowed: Whether a model may pass in spite of them.
    """
    anomalies = metrics.get("anomalies")
    if not isinstance(anomalies, Mapping):
        return Check("data_anomalies", "FAIL", "The anomalies that ExampleValidator found could not be read.")
    found = [f"{split}: {feature}" for split, features in anomalies.items() for feature in features]
    number = len(found)
    if not found:
        reason = "ExampleValidator found no anomaly in the data."
        return Check("data_anomalies", "PASS", reason, 0, 0, unit="count", bound="most")
    if are_allowed:
        reason = f"ExampleValidator found anomalies ({', '.join(found)}), which the configuration allows."
        return Check("data_anomalies", "PASS", reason, None, number, unit="count")
    reason = f"ExampleValidator found anomalies in the data: {', '.join(found)}."
    return Check("data_anomalies", "FAIL", reason, 0, number, unit="count", bound="most")


def check_approval(is_required: bool) -> Iterator[Check]:
    """Yields a check that leaves the model to a person, where the configuration asks for one."""
    if is_required:
        yield Check("approval", "REVIEW", "The configuration asks for a person's approval of every model.")


def check_comparable(metrics: Mapping[str, Any], is_asked: bool, first_run: FirstRun) -> Check:
    """Checks that there is a blessed model to compare with; where this passes, comparisons follow.

    Args:
      metrics: With `baseline`.
      is_asked: Whether the configuration asks for a comparison.
      first_run: What to do where no model was blessed yet.
    """
    baseline, called = metrics.get("baseline"), baseline_name(metrics)
    if not is_asked:
        reason = f"The configuration asks for no comparison with the {called}."
        return Check("baseline", "NOT APPLICABLE", reason)
    if "baseline" not in metrics:
        reason = f"The {called} must be compared with, and the measurements do not say whether there is one."
        return Check("baseline", "FAIL", reason)
    if baseline is None:
        if first_run == "accept":
            reason = "There is no blessed model to compare with yet; the configuration accepts a first one."
            return Check("baseline", "NOT APPLICABLE", reason)
        reason = "There is no blessed model to compare with yet; the configuration leaves a first one to a person."
        return Check("baseline", "REVIEW", reason)
    error = look_up(baseline, "error")
    if error or not isinstance(baseline, Mapping):
        reason = f"The {called} could not be measured: {error or 'nothing is told of it.'}"
        return Check("baseline", "FAIL", reason)
    digest = baseline.get("model_digest")
    if not isinstance(digest, str) or not digest:
        reason = f"The {called} must be told by its digest, and was told without one."
        return Check("baseline", "FAIL", reason)
    if baseline.get("same"):
        reason = f"There is nothing to compare: the {called} is this very model."
        return Check("baseline", "NOT APPLICABLE", reason)
    who = baseline.get("release_name")
    identity = "sha256" if "files" in metrics else "model digest"
    name = f", {who} ({identity} {digest[:12]})," if who else ""
    note = f" {baseline['note']}" if baseline.get("note") else ""
    return Check("baseline", "PASS", f"The {called}{name} was run on the same utterances.{note}")


def check_non_inferiority(
    split: str,
    what: str,
    difference: Any,
    margin: float | None,
    unit: Unit,
    called: str = LATEST_BLESSED,
    candidate: str = CANDIDATE,
) -> Check:
    """Checks that a model is not worse than the latest blessed one by more than a margin.

    It is the upper bound of the one-sided 95 % interval that must be within the margin, not the difference itself: of
    models that are truly worse by the margin, the latter would let every second one pass.

    Args:
      split: Of the examples.
      what: What is compared, such as `WER`.
      difference: The fields of a `Difference`, None for what is no number; or None where nothing was compared.
      margin: How much worse the model may be; None where the configuration does not ask.
      unit: Of the difference.
      called: What it is compared with.
      candidate: What it is called itself.
    """
    name = f"non_inferiority/{split}"
    found = _difference(difference)
    bounds = None if found is None else _ends({"low": found.interval.low, "high": found.interval.high})
    if margin is None:
        reason = f"The configuration asks for no margin to the {called}'s {what}."
        value = None if found is None or not is_number(found.value) else found.value
        return Check(name, "NOT APPLICABLE", reason, None, value, bounds, unit)
    if found is None or not is_number(found.upper_bound) or not is_number(found.value):
        reason = f"The {called} must be compared on {split}, and was not."
        return Check(name, "FAIL", reason, margin, None, bounds, unit, "most")
    if not is_number(found.blocks) or found.blocks < MIN_BLOCKS:
        drawn = f"{tell(found.blocks, 'count')} {found.interval.unit}{'' if found.blocks == 1 else 's'}"
        reason = (
            f"The comparison on {split} must have an interval, for which {MIN_BLOCKS} speakers or as many utterances"
            f" are needed, and was made on {drawn}."
        )
        return Check(name, "FAIL", reason, margin, None, None, unit, "most")
    if not is_number(found.standard_error):
        reason = f"The comparison on {split} must have a standard error, and has none."
        return Check(name, "FAIL", reason, margin, None, None, unit, "most")
    judged = judge_non_inferiority(found, margin)
    bound, limit = tell_both(found.upper_bound, margin, unit)
    sure = f"at most {bound} worse" if found.upper_bound >= 0 else f"at least {tell(-found.upper_bound, unit)} better"
    one = called.replace(" model", " one")
    reason = (
        f"On {split} the {candidate}'s {what} is {_compared(found.value, unit)} that of the {one}, and {sure}"
        f" with 95 % confidence; a margin of {limit} is allowed."
        f" {_power(judged.smallest_detectable, judged.smallest_margin, judged.equal_rejected, margin, unit, candidate)}"
    )
    verdict: Outcome = "PASS" if judged.is_non_inferior else "FAIL"
    return Check(name, verdict, reason, margin, found.upper_bound, bounds, unit, "most")


def _compared(difference: float, unit: Unit) -> str:
    told = tell(abs(difference), unit)
    if told == tell(0.0, unit):
        return "as good as"
    return f"{told} {'worse' if difference > 0 else 'better'} than"


def _power(
    smallest: float, smallest_margin: float, equal_rejected: float, margin: float, unit: Unit, candidate: str
) -> str:
    """Returns what the margin and the test set are good for."""
    if margin >= smallest_margin:
        return (
            f"This test set catches regressions from {tell(smallest, unit)} up (four in five), and bears a margin down"
            f" to {tell(smallest_margin, unit)}."
        )
    return (
        f"This test set bears no margin below {tell(smallest_margin, unit)}: with this one, {equal_rejected:.0%} of"
        f" equal {candidate}s are rejected."
    )


def _difference(fields: Any) -> Difference | None:
    if not isinstance(fields, Mapping):
        return None
    values: dict[str, Any] = {
        name: math.nan if value is None else value for name, value in fields.items() if name != "interval"
    }
    try:
        return Difference(**values, interval=Interval(**fields["interval"]))
    except (KeyError, TypeError):
        return None


def _check_bound(
    name: str, what: str, value: Any, limit: float | None, unit: Unit, interval: Any, told: str, bound: Bound
) -> Check:
    ends = _ends(interval)
    more = f" {told}" if told else ""
    word = "ceiling" if bound == "most" else "floor"
    if limit is None:
        shown = f"{what} is {tell(value, unit)}" if is_number(value) else f"{what} was not measured"
        measured = value if is_number(value) else None
        return Check(name, "NOT APPLICABLE", f"{shown}, and no {word} is asked for.{more}", None, measured, ends, unit)
    if not is_number(value):
        reason = f"{what} must be a number, and is {value}.{more}"
        return Check(name, "FAIL", reason, limit, None, ends, unit, bound)
    passes = value <= limit if bound == "most" else value >= limit
    measured, threshold = tell_both(value, limit, unit)
    within, beyond = ("within", "above") if bound == "most" else ("not below", "below")
    reason = f"{what} is {measured}, {within if passes else beyond} the {word} of {threshold}.{more}"
    return Check(name, "PASS" if passes else "FAIL", reason, limit, value, ends, unit, bound)


def _ends(interval: Any) -> tuple[float, float] | None:
    low, high = look_up(interval, "low"), look_up(interval, "high")
    return (low, high) if is_number(low) and is_number(high) else None


def _counted(counts: Mapping[str, Any], bare: bool = False) -> str:
    return " and ".join(str(value) if bare else f"{value} {name}" for name, value in counts.items()) or "utterances"
