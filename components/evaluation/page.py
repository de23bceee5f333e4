"""The page of an evaluation's report: one HTML file that needs no network. All that came from data is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from components.decisions import WORDS, DecisionRecord
from components.evaluation.curves import training_section
from components.evaluation.gate import Decision
from model.errors import DataError

# Where the decisions of people go, which are made after the page.
_DECISIONS_MARK = "<!-- decisions -->"
_VERDICTS = {
    "ACCEPT": "Accepted: the model may be released.",
    "REJECT": "Rejected: the model is not released.",
    "NEEDS_REVIEW": "Needs review: a person decides.",
}


def render_page(decision: Decision, metrics: Mapping[str, Any], headline: str, sections: Mapping[str, str]) -> str:
    """Returns a report as HTML: the verdict, the checks, what an evaluator adds, the training, and the provenance.

    Args:
      decision: Of the gate.
      metrics: The content of `metrics.json`.
      headline: What was measured, in a line, as HTML.
      sections: Bodies by title, as HTML; they stand after the checks.
    """
    style = resources.files("components.evaluation").joinpath("page.css").read_text(encoding="utf-8")
    name = metrics.get("release_name") or "model"
    parts = [
        _summary(decision, headline),
        _DECISIONS_MARK,
        _section("Checks", _checks(decision)),
        *(_section(title, body) for title, body in sections.items()),
        *([_section("Training", training_section(training))] if (training := metrics.get("training")) else ()),
        _section("Provenance", _provenance(metrics)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}: {escape(decision.verdict)}</title><style>{style}</style></head>\n"
        f"<body><main><h1>{escape(name)}</h1>\n" + "\n".join(parts) + "</main></body></html>\n"
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
    return f"{before}{mark}{_section('What people decided, the latest first', body)}{after}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; its cells are HTML already."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def escape(value: Any) -> str:
    """Returns text from elsewhere as HTML; nothing for None."""
    return html.escape("" if value is None else str(value))


def number(value: float | None) -> str:
    """Returns a number with four digits; nothing for None."""
    return "" if value is None else f"{value:.4g}"


def percent(fraction: float) -> str:
    """Returns a fraction as a percentage, whose sign stays on its line."""
    return f"{100 * fraction:.1f}\u00a0%"


def _summary(decision: Decision, headline: str) -> str:
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in decision.reasons)
    kind = decision.verdict.lower().replace("_", "-")
    return (
        f'<section class="verdict {kind}"><h2>{escape(_VERDICTS[decision.verdict])}</h2>'
        f"<p>{headline}</p><ul>{reasons}</ul></section>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _checks(decision: Decision) -> str:
    rows = [
        (
            f'<span class="outcome {check.verdict.lower().replace(" ", "-")}">{escape(check.verdict)}</span>',
            escape(check.name),
            number(check.measured),
            "" if check.interval is None else f"{number(check.interval[0])} to {number(check.interval[1])}",
            number(check.threshold),
            escape(check.reason),
        )
        for check in decision.checks
    ]
    header = ("", "Check", "Measured", "95 % interval", "Threshold", "Reason")
    return f'<div class="checks">{table(header, rows)}</div>'


def _provenance(metrics: Mapping[str, Any]) -> str:
    baseline = metrics.get("baseline") or {}
    values = {
        "Model digest": metrics.get("model_digest"),
        "Release digest": metrics.get("release_digest"),
        "Source checkpoint": (metrics.get("source_checkpoint") or {}).get("name"),
        "Source checkpoint, sha256": (metrics.get("source_checkpoint") or {}).get("sha256"),
        "Corpus": (metrics.get("corpus") or {}).get("root_name"),
        "Corpus fingerprint": (metrics.get("corpus") or {}).get("fingerprint"),
        "Latest blessed model digest": baseline.get("model_digest", "none"),
    }
    return table(("What", "Value"), [(escape(name), f"<code>{escape(value)}</code>") for name, value in values.items()])
