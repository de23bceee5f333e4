"""A decision as JUnit XML, which CI systems show: a test case for each check.

What fails and what waits for a person are failures, of the types FAIL and REVIEW: nothing is green that may not be
released. NOT APPLICABLE is a skipped test. Everything that came from data is escaped.

There is no standard of the form; these are the elements that the JUnit task of Apache Ant began with and that CI
systems read.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from components.evaluation.gate import Check, Decision
from components.evaluation.quantities import tell

JUNIT_FILE = "gate.junit.xml"

_SUITE = "w2v2.gate"
# What XML 1.0 has no way to hold, escaped or not.
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(decision: Decision, metrics: Mapping[str, Any]) -> str:
    """Returns the content of `gate.junit.xml`.

    Args:
      decision: Of the gate.
      metrics: The content of `metrics.json`; it says what model and release were judged.
    """
    failures = sum(check.verdict in ("FAIL", "REVIEW") for check in decision.checks)
    skipped = sum(check.verdict == "NOT APPLICABLE" for check in decision.checks)
    counts = {"tests": len(decision.checks), "failures": failures, "errors": 0, "skipped": skipped}
    told = {name: str(count) for name, count in counts.items()}
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", {"name": _SUITE, **told})
    properties = ET.SubElement(suite, "properties")
    for name in ("release_name", "model_digest", "release_digest"):
        _property(properties, name, metrics.get(name))
    _property(properties, "verdict", decision.verdict)
    for check in decision.checks:
        _test_case(suite, check)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _property(properties: ET.Element, name: str, value: Any) -> None:
    ET.SubElement(properties, "property", {"name": name, "value": _text("" if value is None else str(value))})


def _test_case(suite: ET.Element, check: Check) -> None:
    group, _, _ = check.name.partition("/")
    case = ET.SubElement(suite, "testcase", {"classname": _text(f"{_SUITE}.{group}"), "name": _text(check.name)})
    reason = _text(check.reason)
    if check.verdict in ("FAIL", "REVIEW"):
        failure = ET.SubElement(case, "failure", {"message": reason, "type": check.verdict})
        failure.text = _text("\n".join(_lines(check)))
    elif check.verdict == "NOT APPLICABLE":
        ET.SubElement(case, "skipped", {"message": reason})
    else:
        ET.SubElement(case, "system-out").text = _text("\n".join(_lines(check)))


def _lines(check: Check) -> list[str]:
    lines = [check.reason]
    if check.measured is not None:
        lines.append(f"measured: {tell(check.measured, check.unit)}")
    if check.threshold is not None:
        lines.append(f"threshold ({check.bound or 'none'}): {tell(check.threshold, check.unit)}")
    if check.interval is not None:
        lines.append(f"95 % interval: {tell(check.interval[0], check.unit)} to {tell(check.interval[1], check.unit)}")
    return lines


def _text(text: str) -> str:
    """Returns text with a mark in place of what XML cannot hold."""
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", text)
