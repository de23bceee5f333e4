"""What the gate asks of the texts: few errors, in no slice too many, and not more than the latest blessed model. Pure.

Ceilings hold for the point estimate; the margin to the latest blessed model holds for the upper bound of an interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.evaluation.gate import Check
from components.evaluation.naming import baseline_name, candidate_name
from components.evaluation.quantities import is_number
from components.evaluation.rules import check_comparable, check_most, check_non_inferiority, look_up
from components.wer_evaluator.settings import GateSettings

_SHOWN_CHARACTERS = 60
_LISTENERS = {"alone": "the SavedModel", "onnx": "the ONNX file"}


def checks(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """Yields the checks of what was heard.

    Args:
      metrics: With `expected_splits`, `splits`, `baseline`, `ways` and `silence`.
      settings: What is asked for.
    """
    yield from text_checks(metrics, settings)
    for rule in (_sounds, _beam_search):
        yield from rule(metrics, settings)


def text_checks(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """Yields the checks that need nothing but texts, whatever system has heard them.

    Args:
      metrics: With `expected_splits`, `splits` and `baseline`.
      settings: What is asked for.
    """
    for rule in (_ceilings, _worst_slices, _comparison):
        yield from rule(metrics, settings)


def _splits(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(split, look_up(metrics, "splits", split)) for split in metrics.get("expected_splits") or ()]


def _ceilings(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    ceilings = settings.max_wer
    for split, measured in _splits(metrics):
        name = f"max_wer/{split}"
        if isinstance(ceilings, Mapping) and split not in ceilings:
            reason = f"gate.max_wer must name a ceiling for each split, or None, and has none for {split}."
            yield Check(name, "FAIL", reason, None, look_up(measured, "words", "wer"), unit="fraction")
            continue
        ceiling = ceilings[split] if isinstance(ceilings, Mapping) else ceilings
        wer, interval = look_up(measured, "words", "wer"), look_up(measured, "interval")
        yield check_most(name, f"The WER of {split}", wer, ceiling, "fraction", interval)
    if isinstance(ceilings, Mapping):
        for split in sorted(ceilings.keys() - set(metrics.get("expected_splits") or ())):
            reason = f"gate.max_wer names {split}, which must be measured, and was not."
            yield Check(f"max_wer/{split}", "FAIL", reason, ceilings[split], unit="fraction", bound="most")


def _worst_slices(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    limit = settings.max_slice_wer
    for split, measured in _splits(metrics):
        name, worst = f"worst_slice/{split}", look_up(measured, "worst_slice")
        if worst is None:
            if limit is None:
                reason = f"No slice of {split} has enough words to be the worst, and no ceiling is asked for."
                yield Check(name, "NOT APPLICABLE", reason)
            else:
                reason = (
                    f"The worst slice of {split} must be within a ceiling, and no slice has enough words to be judged;"
                    " test on more speech, or ask for no ceiling."
                )
                yield Check(name, "FAIL", reason, limit, unit="fraction", bound="most")
            continue
        what = f"The WER of the worst slice of {split}, {look_up(worst, 'kind')}={look_up(worst, 'value')},"
        wer, interval = look_up(worst, "words", "wer"), look_up(worst, "interval")
        yield check_most(name, what, wer, limit, "fraction", interval)


def _comparison(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    called = baseline_name(metrics)
    margin, more_deletions = settings.non_inferiority_margin, settings.max_deletion_increase
    is_asked = margin is not None or more_deletions is not None
    comparable = check_comparable(metrics, is_asked, settings.first_run)
    yield comparable
    if comparable.verdict != "PASS":
        return
    for split, measured in _splits(metrics):
        difference = look_up(measured, "baseline", "difference")
        yield check_non_inferiority(split, "WER", difference, margin, "points", called, candidate_name(metrics))
    for split, measured in _splits(metrics):
        ours, theirs = _deletion_rate(measured), _deletion_rate(look_up(measured, "baseline"))
        increase = None if ours is None or theirs is None else ours - theirs
        what = f"The increase of the words of {split} that are left out, from the {called} on,"
        yield check_most(f"deletions/{split}", what, increase, more_deletions, "points")


def _deletion_rate(scored: Any) -> float | None:
    words, deletions = look_up(scored, "words", "words"), look_up(scored, "words", "deletions")
    return deletions / words if is_number(words) and is_number(deletions) and words else None


def _sounds(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """Where nobody speaks, nothing is heard, whichever file listens."""
    sounds = metrics.get("silence")
    for kind, limit in (("silence", settings.max_silence_words), ("noise", settings.max_noise_words)):
        found = [one for one in sounds if look_up(one, "kind") == kind] if isinstance(sounds, Sequence) else []
        by_title = _by_title(found)
        numbers = {title: _count_words(texts) for title, texts in by_title.items()}
        known = [number for number in numbers.values() if number is not None]
        most = max(known) if len(known) == len(numbers) else None
        told = " ".join(
            _heard(title, texts, numbers[title]) for title, texts in by_title.items() if numbers[title] != 0
        )
        what = f"The largest number of words that a file heard in {len(found)} {kind}{'' if len(found) == 1 else 's'}"
        yield check_most(f"{kind}_words", what, most, limit, "count", told=told if found else "")


def _by_title(sounds: Sequence[Any]) -> dict[str, list[Any]]:
    """Returns what each file heard, by its name; files that heard the same stand together."""
    by_title = {title: [look_up(one, "texts", way) for one in sounds] for way, title in _LISTENERS.items()}
    first, *others = by_title.values()
    return {" and ".join(by_title): first} if all(one == first for one in others) else by_title


def _count_words(texts: Sequence[Any]) -> int | None:
    """Returns the words of all texts; None where there is none, or one is None because a logit was no number."""
    return sum(len(text.split()) for text in texts) if texts and all(isinstance(one, str) for one in texts) else None


def _heard(title: str, texts: Sequence[Any], words: int | None) -> str:
    """Returns a sentence about a file that heard words, or gave no numbers."""
    name = title[0].upper() + title[1:]
    if words is None:
        return f"{name} gave no text for {sum(not isinstance(one, str) for one in texts)} of {len(texts)}."
    longest = max(texts, key=lambda text: len(text.split()))
    shown = longest if len(longest) <= _SHOWN_CHARACTERS else longest[: _SHOWN_CHARACTERS - 1] + "…"
    return f"{name} heard {words}, such as {shown!r}."


def _beam_search(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    limit = settings.max_beam_search_wer
    found = look_up(metrics, "ways", "beam_search")
    if found is None and limit is None:
        reason = "No language model is named, so nothing was decoded by beam search, and no ceiling is asked for."
        yield Check("beam_search", "NOT APPLICABLE", reason)
        return
    for split in metrics.get("expected_splits") or ():
        what = f"The WER of {split} by beam search with a language model"
        yield check_most(f"beam_search/{split}", what, look_up(found, "wer", split), limit, "fraction")
