"""The page of an evaluation's report: one HTML file that needs no network. All that came from data is escaped.

What is known only after the evaluation stands in it as a mark: what people decided, and the history. The page is whole
without them, and whoever fills them in leaves the rest as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from components.decisions import WORDS, DecisionRecord
from components.evaluation.curves import training_section
from components.evaluation.gate import SIGN_BY_BOUND, Check, Decision
from components.evaluation.history import PastEvaluation, history_section
from components.evaluation.markup import NOTHING, details, escape, section, table
from components.evaluation.quantities import tell
from model.errors import DataError

_DECISIONS_MARK = "<!-- decisions -->"
_HISTORY_MARK = "<!-- history -->"
_HISTORY_LINK_MARK = "<!-- link to the history -->"
_HISTORY_ANCHOR = "section-history"
_VERDICTS = {
    "ACCEPT": "Accepted: the model may be released.",
    "REJECT": "Rejected: the model is not released.",
    "NEEDS_REVIEW": "Needs review: a person decides.",
}
# Of transcripts, whose system is not released here.
_VERDICTS_OF_FILES = {
    "ACCEPT": "Accepted: the transcripts meet all that is asked for.",
    "REJECT": "Rejected: the transcripts do not meet what is asked for.",
}
# Those that decide stand first.
_OUTCOMES = {"FAIL": "failed", "REVIEW": "left to a person", "PASS": "passed", "NOT APPLICABLE": "not applicable"}
# The page may show what it carries, and may load nothing.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
)


def render_page(
    decision: Decision | None, metrics: Mapping[str, Any], headline: str, sections: Mapping[str, str]
) -> str:
    """Returns a report as HTML: the verdict, the checks, what an evaluator adds, the training, and the provenance.

    Args:
      decision: Of the gate; None where none was asked for.
      metrics: The content of `metrics.json`.
      headline: What was measured, in short, as HTML.
      sections: Bodies by title, as HTML; they stand after the checks.
    """
    style = resources.files("components.evaluation").joinpath("page.css").read_text(encoding="utf-8")
    name = metrics.get("release_name") or "model"
    verdict = "" if decision is None else f": {escape(decision.verdict)}"
    training = metrics.get("training")
    titled = {
        **({} if decision is None else {"Checks": _checks(decision)}),
        **sections,
        **({"Training": training_section(training)} if training else {}),
        "Provenance": _provenance(metrics),
    }
    anchors = {title: f"section-{place}" for place, title in enumerate(titled, start=1)}
    links = "".join(f'<li><a href="#{anchor}">{escape(title)}</a></li>' for title, anchor in anchors.items())
    parts = [
        _summary(decision, headline, "files" in metrics),
        _DECISIONS_MARK,
        f'<nav aria-label="Contents"><ul>{links}{_HISTORY_LINK_MARK}</ul></nav>',
        *(section(title, body, anchors[title]) for title, body in titled.items()),
        _HISTORY_MARK,
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Without one, a browser asks the server for it.
        '<link rel="icon" href="data:,">'
        f"<title>{escape(name)}{verdict}</title><style>{style}</style></head>\n"
        f"<body><main><h1>{escape(name)}</h1>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def with_decisions(page: str, decisions: Sequence[DecisionRecord]) -> str:
    """Returns a report with what people decided about the model, below the gate's verdict.

    Args:
      page: What `render_page` returned. What came from data is escaped in it, so that nothing but its own mark has the
        mark's form.
      decisions: The oldest first.

    Raises:
      DataError: the page is no such report.
    """
    before, mark, after = page.partition(_DECISIONS_MARK)
    if not mark:
        raise DataError("A report must be as the evaluator wrote it, and this one is not; run again with --no-cache.")
    rows = [
        (escape(WORDS[one.decision]), escape(one.reason), escape(one.who), escape(one.when), escape(one.run_id))
        for one in reversed(decisions)
    ]
    if not rows:
        return page
    body = table(("Decision", "Reason", "Who", "When", "Run"), rows)
    return f"{before}{mark}{section('What people decided, the latest first', body)}{after}"


def with_history(page: str, evaluations: Sequence[PastEvaluation]) -> str:
    """Returns a report with the evaluations of its pipeline, at the end.

    Args:
      page: What `render_page` returned, with or without decisions. One that was written before there was a history
        stays as it is.
      evaluations: Up to the one that the report is of; the oldest first.
    """
    if _HISTORY_MARK not in page or not evaluations:
        return page
    link = f'<li><a href="#{_HISTORY_ANCHOR}">History</a></li>'
    filled = section("History", history_section(evaluations), _HISTORY_ANCHOR)
    return page.replace(_HISTORY_LINK_MARK, link).replace(_HISTORY_MARK, filled)


def _summary(decision: Decision | None, headline: str, is_of_files: bool) -> str:
    if decision is None:
        return f'<section><h2>No gate was asked for.</h2><div class="headline">{headline}</div></section>'
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in decision.reasons)
    kind = decision.verdict.lower().replace("_", "-")
    told = (_VERDICTS_OF_FILES if is_of_files else _VERDICTS)[decision.verdict]
    return (
        f'<section class="verdict {kind}"><h2>{escape(told)}</h2>'
        f'<div class="headline">{headline}</div>{f"<ul>{reasons}</ul>" if reasons else ""}</section>'
    )


def _checks(decision: Decision) -> str:
    by_outcome = {outcome: [check for check in decision.checks if check.verdict == outcome] for outcome in _OUTCOMES}
    told = ", ".join(f"{len(found)} {_OUTCOMES[outcome]}" for outcome, found in by_outcome.items() if found)
    asked = [check for outcome in ("FAIL", "REVIEW", "PASS") for check in by_outcome[outcome]]
    rest = by_outcome["NOT APPLICABLE"]
    folded = details("What was not asked for, or does not apply", _check_table(rest)) if rest else ""
    return f"<p>{told or 'There is no check.'}</p>{_check_table(asked)}{folded}"


def _check_table(checks: Sequence[Check]) -> str:
    rows = [_check_row(check) for check in checks]
    return table(("", "Check", "Measured", "95 % interval", "Asked for", "Reason"), rows, "checks")


def _check_row(check: Check) -> tuple[str, ...]:
    kind = check.verdict.lower().replace(" ", "-")

    def told(value: float | None) -> str:
        return escape(tell(value, check.unit)).replace(" ", "\u00a0")

    bounds = "" if check.interval is None else " to ".join(map(told, check.interval))
    asked = (
        "" if check.threshold is None else f"{SIGN_BY_BOUND.get(check.bound, '')}\u00a0{told(check.threshold)}".lstrip()
    )
    return (
        f'<span class="outcome {kind}">{escape(check.verdict)}</span>',
        escape(check.name),
        told(check.measured),
        bounds,
        asked,
        escape(check.reason),
    )


def _provenance(metrics: Mapping[str, Any]) -> str:
    code = metrics.get("code") or {}
    values = {
        **(_of_files(metrics["files"]) if "files" in metrics else _of_release(metrics)),
        **_normalisers(metrics),
        "Version of the code": code.get("version"),
        "Code fingerprint": code.get("fingerprint"),
        **({} if "files" in metrics else _of_baseline(metrics)),
    }
    known = [(escape(name), f"<code>{escape(value)}</code>") for name, value in values.items() if value]
    return table(("What", "Value"), known) + _configuration(metrics.get("configuration") or {})


def _of_files(files: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the files of transcripts that were compared, by what they hold."""
    told: dict[str, Any] = {}
    for title, file in files.items():
        told[title.capitalize()] = file.get("name")
        told[f"{title.capitalize()}, sha256"] = file.get("sha256")
    return told


def _of_release(metrics: Mapping[str, Any]) -> dict[str, Any]:
    checkpoint = metrics.get("source_checkpoint") or {}
    corpus = metrics.get("corpus") or {}
    return {
        "Model digest": metrics.get("model_digest"),
        "Release digest": metrics.get("release_digest"),
        "Source checkpoint": checkpoint.get("name"),
        "Source checkpoint, sha256": checkpoint.get("sha256"),
        "Corpus": corpus.get("root_name"),
        "Corpus fingerprint": corpus.get("fingerprint"),
    }


def _of_baseline(metrics: Mapping[str, Any]) -> dict[str, Any]:
    baseline = metrics.get("baseline") or {}
    return {
        "Latest blessed model": baseline.get("release_name"),
        "Latest blessed model digest": baseline.get("model_digest", "none"),
        "Latest blessed release digest": baseline.get("release_digest"),
    }


def _normalisers(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Returns what was done to texts before they were compared; nothing where no texts were."""
    used = [found["normaliser"] for found in metrics.get("splits", {}).values() if found.get("normaliser")]
    told = {f"{one.get('name')}, sha256 {one.get('sha256')}" for one in used}
    return {"Text normaliser": "; ".join(sorted(told))} if told else {}


def _configuration(configuration: Mapping[str, Any]) -> str:
    rows = [
        (escape(name), f"<code>{escape(NOTHING if value is None else value)}</code>")
        for name, value in _flat(configuration)
    ]
    return details("Configuration", table(("Setting", "Value"), rows)) if rows else ""


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Returns settings by the names that people write: `gate.max_wer`."""
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found += _flat(value, f"{before}{name}.")
        else:
            found.append((f"{before}{name}", value))
    return found
