"""`w2v2 score`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.errors import UsageError
from pipeline.commands.completion import complete_normaliser
from pipeline.commands.options import JsonOption
from pipeline.commands.outcome import console, print_json

if TYPE_CHECKING:
    from components.wer_evaluator.settings import GateSettings


def score(
    ref: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="What was said: a .tsv (id, text; with a header also speaker, gender, subset, seconds), LibriSpeech's"
            " .trans.txt, or sclite's .trn.",
        ),
    ],
    hyp: Annotated[Path, typer.Option(metavar="FILE", help="What the system heard, in one of these forms.")],
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What another system heard, to compare with.")
    ] = None,
    normaliser: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What is done to the texts: none, librispeech, unpunctuated or characters.",
            autocompletion=complete_normaliser,
        ),
    ] = "librispeech",
    max_wer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SUBSET=]FRACTION",
            help="Gate: the WER of each subset may be so high, 0.05 for 5 %; or that of one subset, once for each.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION",
            help="Gate: how much worse than the baseline the system may be, a difference of fractions: 0.005 for half a"
            " point.",
        ),
    ] = None,
    max_slice_wer: Annotated[
        float | None,
        typer.Option(metavar="FRACTION", help="Gate: the WER of the worst slice of each subset may be so high."),
    ] = None,
    max_deletion_increase: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION",
            help="Gate: how many more of the words than the baseline the system may leave out, a difference of"
            " fractions.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Gets the files of an evaluation: metrics.json, utterances.jsonl, report.html, and of the gates"
            " gate.json and gate.junit.xml.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Score any system's transcripts and judge them: WER with intervals and slices, alone or against another's."""
    from model.metrics import ScoringSettings
    from pipeline.failure import REJECTED_EXIT_CODE
    from pipeline.score_files import score_files

    if baseline is None:
        for option, value in (("--margin", margin), ("--max-deletion-increase", max_deletion_increase)):
            if value is not None:
                raise UsageError(
                    f"{option} says how much worse than --baseline a system may be; give both, or leave it out."
                )
    settings = ScoringSettings(normaliser=normaliser, margin=margin)
    gate = _gate(max_wer or [], margin, max_slice_wer, max_deletion_increase)
    scored = score_files(ref, hyp, baseline, settings, gate, is_judged=output is not None)
    if output is not None:
        scored.write(output)
    decision = scored.decision
    if as_json:
        print_json(scored.to_json())
    else:
        from pipeline.score_display import show_score

        show_score(console(), scored, output)
    return REJECTED_EXIT_CODE if decision is not None and decision.verdict == "REJECT" else 0


def _gate(
    max_wer: Sequence[str], margin: float | None, max_slice_wer: float | None, max_deletion_increase: float | None
) -> GateSettings | None:
    """Returns what is asked for; None for nothing."""
    from components.wer_evaluator.settings import GateSettings

    asked = {"max_slice_wer": max_slice_wer, "max_deletion_increase": max_deletion_increase}
    ceilings = _ceilings(max_wer)
    if ceilings is None and margin is None:
        if named := [name for name, value in asked.items() if value is not None]:
            option = f"--{named[0].replace('_', '-')}"
            raise UsageError(f"{option} must stand beside --max-wer or --margin, and is alone; say one of them, too.")
        return None
    # A first model is accepted nowhere without a ceiling; here there is always a baseline where one is needed.
    return GateSettings(
        max_wer=ceilings,
        non_inferiority_margin=margin,
        max_slice_wer=max_slice_wer,
        max_deletion_increase=max_deletion_increase,
        first_run="review",
    )


def _ceilings(values: Sequence[str]) -> float | dict[str, float | None] | None:
    """Returns one ceiling, or one for each subset that is named; None where there is none.

    Raises:
      UsageError: a value is none of both.
    """
    named: dict[str, float | None] = {}
    for value in values:
        subset, _, number = value.rpartition("=")
        try:
            ceiling = float(number)
        except ValueError:
            ceiling = math.nan
        if math.isnan(ceiling) or subset in named or (not subset and len(values) > 1):
            raise UsageError(
                "--max-wer must be one fraction, such as 0.05, or one for each subset, such as test-clean=0.05, not"
                f" {' '.join(values)!r}."
            )
        if not subset:
            return ceiling
        named[subset] = ceiling
    return named or None
