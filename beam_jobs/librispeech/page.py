"""What is in the data, as one HTML page that needs no network. Everything that came from data is escaped."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from beam_jobs.librispeech.plots import distribution

SHOWN_REJECTS = 50
_SHOWN_CHARACTERS = 80
_COMPARED = (("utterances", "Utterances"), ("hours", "Hours"), ("words", "Words"), ("speakers", "Speakers"))
# What is said of words, where there are none.
_OF_WORDS = ("words", "characters_per_second")
# Published hours are rounded to hundredths, and counted in minutes for each speaker.
_SAME_HOURS = 0.005
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'")
_NUMBER = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?:[.,][0-9]+)*")


def summarise_rejects(rejects: Iterable[Mapping[str, str]], shown: int = SHOWN_REJECTS) -> dict[str, Any]:
    """Returns rejects as `dataset_info.json` and the page hold them: how many for which reason, and the first of them.

    Reasons that differ in numbers, quoted values and paths only are one.

    Args:
      rejects: With `utterance_id`, `path` and `reason`.
      shown: How many are named.
    """
    ordered = sorted(rejects, key=lambda reject: (reject["utterance_id"], reject["path"], reject["reason"]))
    reasons = Counter(_kind(reject) for reject in ordered)
    return {
        "by_reason": [
            {"reason": reason, "utterances": count}
            for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        ],
        "first": [{key: reject[key] for key in ("utterance_id", "path", "reason")} for reject in ordered[:shown]],
    }


def render_page(info: Mapping[str, Any]) -> str:
    """Returns the page as HTML.

    Beside what ingest has always written, `info` may hold `name`; `subsets` (counts by subset, as in `splits`);
    `published` (the published counts by subset); `profile` (a `Profile.summary()`) of all and of each split;
    `rejects` (of `summarise_rejects`); `speakers_known`; and `command`. What is not there is left out.
    """
    style = resources.files("beam_jobs.librispeech").joinpath("page.css").read_text(encoding="utf-8")
    name = info.get("name") or (info.get("corpus") or {}).get("root_name") or "Recordings"
    sections = [
        _summary(info),
        _section("Splits", _counts("Split", info.get("splits") or {}, info) + _notes(info)),
        _section("Subsets", _counts("Subset", info.get("subsets") or {}, info)),
        _section("Compared with what is published", _published(info)),
        _section("Distributions", _distributions(info)),
        _section("Vocabulary", _vocabulary(info.get("profile") or {})),
        _section("Rejected", _rejects(info)),
        _section("How to make this again", _provenance(info)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_escape(name)}: what is in the data</title><style>{style}</style></head>\n"
        f"<body><main><h1>{_escape(name)}</h1>\n" + "\n".join(filter(None, sections)) + "</main></body></html>\n"
    )


def _summary(info: Mapping[str, Any]) -> str:
    splits = info.get("splits") or {}
    has_words = _has_words(info)
    read, written, rejected = (info.get(key) or 0 for key in ("read", "written", "rejected"))
    hours = sum(split.get("hours") or 0 for split in splits.values())
    words = sum(split.get("words") or 0 for split in splits.values())
    share = f" ({100 * rejected / read:.2g}\u00a0%)" if rejected else ""
    profile = info.get("profile") or {}
    facts = {
        "Hours": f"{hours:,.2f}",
        "Utterances": f"{written:,}",
        "Words": f"{words:,}" if has_words else "",
        "Different words": _different_words(profile) if has_words else "",
        "Rejected": f"{rejected:,}{share}",
        "Silent": _number(profile.get("silent")),
        "Clipped": _number(profile.get("clipped_utterances")),
    }
    tiles = "".join(f"<div><dt>{title}</dt><dd>{value}</dd></div>" for title, value in facts.items() if value)
    agree = (
        "none is missing" if read == written + rejected else "these numbers do not agree, which is a fault of the job"
    )
    return (
        f"<section><dl class='facts'>{tiles}</dl><p>Of {read:,} utterances read, {written:,} were written and"
        f" {rejected:,} rejected; {agree}.</p></section>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_escape(title)}</h2>{body}</section>" if body else ""


def _has_words(info: Mapping[str, Any]) -> bool:
    return (info.get("settings") or {}).get("transcripts") != "none"


def _compared(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, title) for key, title in _COMPARED if _has_words(info) or key not in _OF_WORDS]


def _counts(title: str, parts: Mapping[str, Mapping[str, Any]], info: Mapping[str, Any]) -> str:
    rows = []
    compared = _compared(info)
    for name, part in parts.items():
        row = [_escape(name), *(_number(part.get(key)) for key, _ in compared)]
        rows.append([*row, _escape(", ".join(part.get("subsets") or part.get("splits") or ()))])
    if not rows:
        return ""
    last = "Subsets" if title == "Split" else "Splits"
    header = (title, *(text for _, text in compared), last)
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return _table(header, rows, numbers=range(1, len(compared) + 1))


def _notes(info: Mapping[str, Any]) -> str:
    notes = []
    if not _has_words(info):
        notes.append("Transcripts were not asked for: these are recordings without words.")
    if not info.get("speakers_known", True):
        notes.append(
            "Nothing says of every recording who speaks. Those count as one speaker each, and whether splits share a"
            " speaker is not known."
        )
    return "".join(f"<p class='note'>{note}</p>" for note in notes)


def _published(info: Mapping[str, Any]) -> str:
    found = info.get("subsets") or {}
    rows = []
    for subset, promised in (info.get("published") or {}).items():
        part = found.get(subset) or {}
        for key, title in _compared(info):
            expected, value = promised.get(key), part.get(key)
            if key == "speakers" and expected is None and "speakers_female" in promised:
                expected = promised["speakers_female"] + promised["speakers_male"]
            if expected is not None:
                verdict = _verdict(value, expected, key)
                rows.append([_escape(subset), title, _number(value), _number(expected), verdict])
    return _table(("Subset", "What", "Here", "Published", ""), rows, numbers=(2, 3)) if rows else ""


def _verdict(value: float | None, expected: float, key: str) -> str:
    if value is None:
        return "<span class='open'>not counted</span>"
    if value == expected or (key == "hours" and abs(value - expected) <= _SAME_HOURS * expected):
        return "<span class='good'>as published</span>"
    share = f" ({100 * value / expected:.1f}\u00a0%)" if expected else ""
    return f"<span class='open'>{'fewer' if value < expected else 'more'}{share}</span>"


def _distributions(info: Mapping[str, Any]) -> str:
    whole = (info.get("profile") or {}).get("histograms") or {}
    splits = info.get("splits") or {}
    figures = []
    for name, histogram in whole.items():
        if name in _OF_WORDS and not _has_words(info):
            continue
        found = {
            split: ((part.get("profile") or {}).get("histograms") or {}).get(name) for split, part in splits.items()
        }
        parts = {split: part for split, part in found.items() if part}
        figures.append(distribution(name, histogram, parts))
    return f"<div class='plots'>{''.join(figures)}</div>" if figures else ""


def _vocabulary(profile: Mapping[str, Any]) -> str:
    characters = profile.get("characters") or {}
    if not characters:
        return ""
    ranked = sorted(characters.items(), key=lambda item: (-item[1], item[0]))
    more = f"<p>And {len(ranked) - _SHOWN_CHARACTERS:,} more.</p>" if len(ranked) > _SHOWN_CHARACTERS else ""
    named = {_character(character): count for character, count in ranked[:_SHOWN_CHARACTERS]}
    once = profile.get("words_said_once")
    said_once = f", of which {once:,} occur once" if once is not None else ""
    body = f"<p>{_different_words(profile)} different words{said_once}; {len(ranked):,} different characters.</p>"
    body += f"<h3>Characters</h3>{_chips(named)}{more}"
    if top := profile.get("top_words"):
        body += f"<h3>Most frequent words</h3>{_chips(top)}"
    return body


def _different_words(profile: Mapping[str, Any]) -> str:
    count = profile.get("different_words")
    if count is None:
        return ""
    return f"{count:,}" if profile.get("different_words_exact", True) else f"about {count:,}"


def _character(character: str) -> str:
    if character == " ":
        return "space"
    return character if character.isprintable() else f"U+{ord(character[:1] or ' '):04X}"


def _chips(counts: Mapping[str, int]) -> str:
    items = "".join(f"<li><b>{_escape(name)}</b> {count:,}</li>" for name, count in counts.items())
    return f"<ul class='chips'>{items}</ul>"


def _rejects(info: Mapping[str, Any]) -> str:
    rejected = info.get("rejected") or 0
    if not rejected:
        return "<p>Nothing was rejected.</p>"
    found = info.get("rejects") or {}
    reasons = [(_escape(row["reason"]), _number(row["utterances"])) for row in found.get("by_reason") or ()]
    # The path stands below the id: three columns are too many for a phone.
    first = [
        (f"<b>{_escape(row['utterance_id'])}</b><br><code>{_escape(row['path'])}</code>", _escape(row["reason"]))
        for row in found.get("first") or ()
    ]
    body = _table(("Reason", "Utterances"), reasons, numbers=(1,)) if reasons else ""
    if first:
        title = f"The first {len(first):,} of {rejected:,}" if len(first) < rejected else "All of them"
        body += f"<h3>{title}</h3>{_table(('Utterance', 'Reason'), first)}"
    return body + "<p>All are in <code>rejects.jsonl</code>, beside this page.</p>"


def _provenance(info: Mapping[str, Any]) -> str:
    corpus = info.get("corpus") or {}
    command = info.get("command")
    rows = [("Corpus fingerprint", corpus.get("fingerprint")), ("Format of the records", info.get("format_version")),
            ("Code", info.get("code_version"))]  # fmt: skip
    known = [(_escape(title), f"<code>{_escape(value)}</code>") for title, value in rows if value is not None]
    body = f"<pre>{_escape(command)}</pre>" if command else ""
    body += "<p>The same corpus and the same settings give the same bytes.</p>"
    body += _table(("What", "Value"), known) if known else ""
    settings = [(_escape(key), f"<code>{_escape(json.dumps(value))}</code>")
                for key, value in (info.get("settings") or {}).items()]  # fmt: skip
    if settings:
        body += f"<details><summary>Settings</summary>{_table(('Setting', 'Value'), settings)}</details>"
    shards = [
        (_escape(f"Split-{split}/{name}"), f"<code>{_escape(digest)}</code>")
        for split, part in (info.get("splits") or {}).items()
        for name, digest in (part.get("shards") or {}).items()
    ]
    if shards:
        body += f"<details><summary>Shards, sha256</summary>{_table(('File', 'sha256'), shards)}</details>"
    return body


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    right = set(numbers)
    marks = [" class='number'" if place in right else "" for place in range(len(header))]
    head = "".join(f"<th scope='col'{mark}>{_escape(name)}</th>" for name, mark in zip(header, marks, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{mark}>{cell}</td>" for cell, mark in zip(row, marks, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        "<div class='scroll' tabindex='0' role='group' aria-label='Table'>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _kind(reject: Mapping[str, str]) -> str:
    reason = reject["reason"]
    for value in (reject["path"], reject["utterance_id"]):
        if value:
            reason = reason.replace(value, "…")
    return _NUMBER.sub("N", _QUOTED.sub("'…'", reason))


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else _escape(value)


def _escape(value: Any) -> str:
    return html.escape("" if value is None else str(value))
