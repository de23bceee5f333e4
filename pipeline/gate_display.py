"""The checks of a gate in the terminal: what decides first, with number, threshold and reason."""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from beam_jobs.places import printable
from components.evaluation.gate import SIGN_BY_BOUND
from components.evaluation.quantities import tell

_MARK_BY_OUTCOME = {"PASS": ("✓", "green"), "FAIL": ("✗", "red"), "REVIEW": ("?", "yellow")}
_ORDER = ("FAIL", "REVIEW", "PASS", "NOT APPLICABLE")
_WORDS_BY_OUTCOME = {
    "FAIL": "failed",
    "REVIEW": "left to a person",
    "PASS": "passed",
    "NOT APPLICABLE": "not asked for",
}
# With less room, reasons stand below the names.
_WIDE = 110


def checks_table(gates: Iterable[Mapping[str, Any]], width: int) -> Table:
    """Returns checks as a table: those that failed first, then those that wait for a person.

    Args:
      gates: As `gate.json` lists them; fields that earlier versions did not write may be missing.
      width: Of the terminal, in characters.
    """
    is_wide = width >= _WIDE
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("    Check", overflow="fold", no_wrap=is_wide)
    table.add_column("Measured", justify="right", no_wrap=True)
    table.add_column("Asked for", no_wrap=True)
    if is_wide:
        table.add_column("Reason", overflow="fold")
    for gate in sorted(gates, key=_place):
        mark, style = _MARK_BY_OUTCOME.get(str(gate["verdict"]), ("·", "dim"))
        dim = "dim" if gate["verdict"] == "NOT APPLICABLE" else ""
        name = Text.assemble("  ", (mark, style), " ", (printable(str(gate["name"])), dim))
        reason = Text(printable(str(gate["reason"])), dim)
        numbers = Text(_measured(gate), dim), Text(_asked(gate), dim)
        if is_wide:
            table.add_row(name, *numbers, reason)
        else:
            table.add_row(name, *numbers)
            table.add_row(Padding(reason, (0, 0, 0, 4)), "", "")
    return table


def deciding(gates: Iterable[Mapping[str, Any]], reasons: Collection[str]) -> tuple[list[Mapping[str, Any]], str]:
    """Returns the checks that decided, and a line about the others; empty where there are none.

    Args:
      gates: As `gate.json` lists them.
      reasons: Of the decision.
    """
    chosen = [gate for gate in gates if gate["reason"] in reasons]
    others = collections.Counter(str(gate["verdict"]) for gate in gates if gate["reason"] not in reasons)
    told = [f"{others[verdict]} {words}" for verdict, words in _WORDS_BY_OUTCOME.items() if others[verdict]]
    return chosen, f"The other checks: {', '.join(told)}; w2v2 review shows them." if told else ""


def _place(gate: Mapping[str, Any]) -> int:
    verdict = str(gate["verdict"])
    return _ORDER.index(verdict) if verdict in _ORDER else len(_ORDER)


def _measured(gate: Mapping[str, Any]) -> str:
    return tell(gate.get("measured"), gate.get("unit", ""))


def _asked(gate: Mapping[str, Any]) -> str:
    threshold = gate.get("threshold")
    sign = SIGN_BY_BOUND.get(gate.get("bound", ""), "")
    return "" if threshold is None else f"{sign} {tell(threshold, gate.get('unit', ''))}".lstrip()
