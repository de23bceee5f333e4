"""The first thing that a reviewer reads: the error rates in large figures, and the comparison in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.evaluation.markup import as_number, count, counted, escape, percent, percent_range, points_range
from components.evaluation.naming import baseline_name, candidate_name

_CHANCE = 0.05
_SMALLEST_P = 0.001


def headline(metrics: Mapping[str, Any]) -> str:
    """Returns the figures and sentences, as HTML."""
    splits = metrics.get("splits") or {}
    names = list(dict.fromkeys([*(metrics.get("expected_splits") or ()), *splits]))
    figures = "".join(_figure(name, splits.get(name)) for name in names)
    compared = {name: found for name, found in splits.items() if found.get("baseline")}
    told = "".join(f"<p>{_comparison(name, found, metrics)}</p>" for name, found in compared.items())
    return f'<dl class="figures">{figures}</dl>{told}' if names else "<p>Nothing was measured.</p>"


def _figure(name: str, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return f"<div><dt>{escape(name)}</dt><dd>not measured</dd></div>"
    words = found.get("words") or {}
    what = [f"{counted(words.get('errors'), 'error')} in {counted(words.get('words'), 'word')}"]
    what.append(counted(found.get("utterances"), "utterance"))
    if found.get("speakers") is not None:
        what.append(counted(found["speakers"], "speaker"))
    return (
        f"<div><dt>WER, {escape(name)}</dt><dd><strong>{percent(words.get('wer'), 2)}</strong></dd>"
        f"<dd>{percent_range(found.get('interval'), 2)} <small>(95 % interval)</small></dd>"
        f"<dd><small>{', '.join(what)}</small></dd></div>"
    )


def _comparison(name: str, found: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Says in words how what is judged stands to what it is compared with."""
    baseline = found["baseline"]
    difference = baseline.get("difference") or {}
    value = as_number(difference.get("value"))
    theirs = (baseline.get("words") or {}).get("wer")
    who = (metrics.get("baseline") or {}).get("release_name")
    of_whom = f"the {escape(baseline_name(metrics))}{f' ({escape(who)})' if who else ''}"
    if value is None:
        return f"On {escape(name)}, there is no difference from {of_whom} that is a number."
    more = f"{abs(100 * value):.2f} points {'worse' if value > 0 else 'better'}"
    told = "<strong>as good</strong> as" if value == 0 else f"<strong>{more}</strong> than"
    chance = difference.get("probability_of_improvement")
    resamples = (found.get("bootstrap") or {}).get("resamples")
    return (
        f"On {escape(name)}, the {candidate_name(metrics)} is {told} {of_whom}, which has {percent(theirs, 2)}; the"
        f" 95 % interval of the difference is {points_range(difference.get('interval'))} points. It is better in"
        f" {percent(chance)} of {count(resamples)} test sets that were drawn from this one. {_significance(baseline)}"
    )


def _significance(baseline: Mapping[str, Any]) -> str:
    p = as_number((baseline.get("matched_pairs") or {}).get("p_value"))
    if p is None:
        return "The matched-pairs test (MAPSSWE) can say nothing of so few errors."
    if p < _SMALLEST_P:
        how_often, told = "fewer than 1 of 1,000", "p &lt; 0.001"
    else:
        how_often, told = f"{100 * p:.2g} of 100", f"p = {p:.2g}"
    end = "so it is hardly chance" if p < _CHANCE else "so it may well be chance"
    return f"Two models that err alike would differ as much in {how_often} test sets (MAPSSWE, {told}), {end}."
