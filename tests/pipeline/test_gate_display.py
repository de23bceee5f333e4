"""The checks in the terminal, at the widths that people have."""

import dataclasses
import io

import pytest
from rich.console import Console

from components.evaluation.gate import Check
from pipeline.gate_display import checks_table, deciding

CHECKS = [
    Check("beam_search", "NOT APPLICABLE", "No language model is named, and no ceiling is asked for."),
    Check("max_wer/test-clean", "PASS", "The WER is 8.6 %, within.", 0.1, 0.086, (0.065, 0.104), "fraction", "most"),
    Check("realtime_factor/onnx", "PASS", "The speed of the ONNX file is 37.5 ×.", 1.0, 37.46, None, "times", "least"),
    Check("approval", "REVIEW", "The configuration asks for a person's approval of every model."),
    Check(
        "size/onnx",
        "FAIL",
        "The size of onnx is 2.5 MB, above the ceiling of 1.0 MB.",
        1e6,
        2.5e6,
        None,
        "bytes",
        "most",
    ),
]
OLD = {
    "name": "onnx_text",
    "verdict": "PASS",
    "reason": "It agrees.",
    "threshold": 1.0,
    "measured": 1.0,
    "interval": None,
}


def lines_at(width, gates):
    screen = io.StringIO()
    console = Console(file=screen, width=width, color_system=None)
    console.print(checks_table(gates, width))
    return [line.rstrip() for line in screen.getvalue().splitlines() if line.strip()]


def mappings(checks):
    return [dataclasses.asdict(check) for check in checks]


def test_with_room_a_check_is_a_line_and_what_decides_comes_first():
    assert lines_at(120, mappings(CHECKS)) == [
        "    Check                 Measured  Asked for  Reason",
        "  ✗ size/onnx               2.5 MB  ≤ 1.0 MB   The size of onnx is 2.5 MB, above the ceiling of 1.0 MB.",
        "  ? approval                                   The configuration asks for a person's approval of every model.",
        "  ✓ max_wer/test-clean       8.6 %  ≤ 10.0 %   The WER is 8.6 %, within.",
        "  ✓ realtime_factor/onnx    37.5 ×  ≥ 1 ×      The speed of the ONNX file is 37.5 ×.",
        "  · beam_search                                No language model is named, and no ceiling is asked for.",
    ]


def test_with_less_room_the_reason_stands_below_the_name():
    assert lines_at(80, mappings(CHECKS[1:3])) == [
        "    Check                                  Measured  Asked for",
        "  ✓ max_wer/test-clean                        8.6 %  ≤ 10.0 %",
        "    The WER is 8.6 %, within.",
        "  ✓ realtime_factor/onnx                     37.5 ×  ≥ 1 ×",
        "    The speed of the ONNX file is 37.5 ×.",
    ]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_nothing_is_cut_off_or_too_wide(width):
    long = Check("worst_slice/test-of-a-long-name", "FAIL", "word " * 60 + "end", 0.3, 0.31, None, "fraction", "most")
    lines = lines_at(width, mappings([*CHECKS, long]))
    assert max(map(len, lines)) <= width
    assert "".join(lines).count("word") == 60
    assert any(line.endswith("end") for line in lines)
    assert any("worst_slice/test-of-a-long-name" in line for line in lines)


def test_what_came_from_data_moves_no_cursor_and_is_no_markup():
    evil = "[red]\x1b[31m[/nothing]\n\t\x00"
    (header, line) = lines_at(160, [{**OLD, "name": evil, "reason": evil}])
    assert header.split() == ["Check", "Measured", "Asked", "for", "Reason"]
    assert line.count("[red]\\x1b[31m[/nothing]\\n\\t\\x00") == 2


def test_in_brief_the_checks_that_decided_are_shown_and_the_others_counted():
    gates = mappings(CHECKS)
    chosen, others = deciding(gates, [CHECKS[4].reason])
    assert [gate["name"] for gate in chosen] == ["size/onnx"]
    assert others == "The other checks: 1 left to a person, 2 passed, 1 not asked for; w2v2 review shows them."
    assert deciding(gates, [gate["reason"] for gate in gates]) == (gates, "")


def test_a_run_of_an_earlier_version_is_shown_with_what_it_has():
    assert lines_at(120, [OLD])[1].split() == ["✓", "onnx_text", "1", "1", "It", "agrees."]
