import dataclasses
import io
import re

import pytest
from rich.console import Console

from components.decisions import DecisionRecord
from pipeline.check import Check
from pipeline.display import (
    RunDisplay,
    display_path,
    format_percent,
    show_checks,
    show_gates,
    show_message,
    show_review,
    show_runs,
    show_summary,
)
from pipeline.record import RunRecord
from pipeline.run_entry import NodeEntry, Release, RunEntry
from pipeline.terminal import make_console, silent_console

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class Screen(io.StringIO):
    """A stream that says it is a terminal, or that it is none."""

    def __init__(self, is_terminal):
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def entry():
    gates = (
        {
            "name": "max_wer/test-a",
            "verdict": "FAIL",
            "reason": "The WER of test-a is 62.5 %, above the ceiling of 50.0 %.",
            "threshold": 0.5,
            "measured": 0.625,
            "interval": [0.6, 0.65],
            "unit": "fraction",
            "bound": "most",
        },
        {"name": "baseline", "verdict": "NOT APPLICABLE", "reason": "No baseline.", "measured": None},
    )
    return RunEntry(
        record=RunRecord(
            run_id="20260101T000000Z-aaaa",
            pipeline="local-synthetic",
            config={},
            started="2026-01-01T00:00:00+00:00",
            state="COMPLETE",
            seconds=245.2,
            peak_memory_bytes=3_100_000_000,
        ),
        state="COMPLETE",
        nodes=(
            NodeEntry("Transform", "CACHED", 0.0),
            NodeEntry("Trainer", "COMPLETE", 61.0),
            NodeEntry("HubPusher", "NOT_RUN"),
        ),
        verdict="REJECT",
        wer={"test-a": 0.625, "test-b": None},
        gates=gates,
        reasons=(gates[0]["reason"],),
        releases={"onnx": Release("/releases/tiny/onnx/3", "3", "abc", False, "It was there already.")},
        report="/evaluation/report.html",
        junit="/evaluation/gate.junit.xml",
        log="/log.txt",
    )


def shown(show, *arguments):
    screen = Screen(is_terminal=False)
    show(make_console(screen), *arguments)
    return screen.getvalue()


def lines_of(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_nodes_that_finished_were_shown_before(entry):
    whole = dataclasses.replace(entry, nodes=entry.nodes[:2])
    assert lines_of(shown(show_summary, whole)) == lines_of(shown(show_summary, entry))[5:]


def test_the_summary_tells_nodes_wer_verdict_reasons_releases_and_report(entry):
    lines = lines_of(shown(show_summary, entry))
    assert lines == [
        "Node Time",
        "✓ Transform cached",
        "✓ Trainer 1 min 01 s",
        "· HubPusher not run",
        "all nodes 1 min 01 s",
        "Word error rate",
        "test-a 62.5 % 95 % interval 60.0 % to 65.0 %",
        "test-b no number",
        "REJECT",
        "Check Measured Asked for Reason",
        "✗ max_wer/test-a 62.5 % ≤ 50.0 % The WER of test-a is 62.5 %, above the ceiling of 50.0 %.",
        "The other checks: 1 not asked for; w2v2 review shows them.",
        "ONNX /releases/tiny/onnx/3 published before",
        "Report /evaluation/report.html",
        "JUnit XML /evaluation/gate.junit.xml",
        "Log /log.txt",
        "Run 20260101T000000Z-aaaa took 4 min 05 s, at most 3.1 GB of memory.",
    ]


def test_runs_are_a_table(entry):
    assert lines_of(shown(show_runs, [entry])) == [
        "Run Pipeline State Verdict WER Nodes Time",
        "20260101T000000Z-aaaa local-synthetic complete REJECT test-a 62.5 % 2 of 3 4 min 05 s",
        "test-b no number",
    ]


def test_a_pre_trained_model_has_a_loss_in_place_of_a_wer(entry):
    gate = {
        "name": "max_contrastive_loss/validation",
        "verdict": "PASS",
        "reason": "The loss is low.",
        "measured": 1.5,
        "interval": [1.4, 1.6],
    }
    measures = {"contrastive_loss": 1.5, "accuracy": 0.625, "code_perplexity": None, "codes": 128}
    backbone = dataclasses.replace(
        entry,
        verdict="ACCEPT",
        wer={},
        measures={"validation": measures},
        gates=(gate,),
        releases={"checkpoint": Release("/releases/tiny/checkpoint/1", "1", "abc", True, "Published.")},
    )
    lines = lines_of(shown(show_review, backbone))
    assert lines[1:3] == [
        "Contrastive loss",
        "validation 1.500 nats 95 % interval 1.400 to 1.600, accuracy 62.5 %, perplexity of the codes no number",
    ]
    assert "Checkpoint /releases/tiny/checkpoint/1 published by this run" in lines
    table = lines_of(shown(show_runs, [backbone, entry]))
    assert table[0] == "Run Pipeline State Verdict WER or loss Nodes Time"
    assert "ACCEPT validation 1.500 nats" in table[1]
    assert "test-a 62.5 %" in table[2]


def test_a_failed_run_says_where_and_why(entry):
    failed = dataclasses.replace(
        entry,
        record=dataclasses.replace(entry.record, message="Audio must be mono."),
        state="FAILED",
        nodes=(NodeEntry("Transform", "FAILED", 3.0), NodeEntry("Trainer", "NOT_RUN")),
        verdict=None,
        wer={},
    )
    assert "failed 0 of 2 ✗ Transform" in lines_of(shown(show_runs, [failed]))[1]
    assert lines_of(shown(show_review, failed)) == [
        "Run 20260101T000000Z-aaaa local-synthetic, failed",
        "✗ Audio must be mono.",
        "Nothing was evaluated in this run, so there is no verdict.",
    ]


def test_a_run_that_cannot_be_read_says_why_below_the_table(entry):
    broken = dataclasses.replace(entry, state="UNREADABLE", problem="A run must have a record.", verdict=None, wer={})
    lines = lines_of(shown(show_runs, [broken, entry]))
    assert lines[1].startswith("20260101T000000Z-aaaa local-synthetic unreadable 2 of 3")
    assert lines[-1] == "✗ A run must have a record."


def test_a_file_gets_no_control_characters(entry):
    text = shown(show_summary, entry) + shown(show_runs, [entry])
    screen = Screen(is_terminal=False)
    with RunDisplay(make_console(screen)) as display:
        display.handle({"event": "node_started", "node": "Trainer"})
        display.handle({"event": "progress", "done": 1, "total": 2, "unit": "steps", "text": "loss 3"})
        display.handle({"event": "node_finished", "node": "Trainer", "seconds": 3.2, "cached": False})
    assert not CONTROL.search(text + screen.getvalue())
    assert lines_of(screen.getvalue()) == ["✓ Trainer 3.2 s"]


def test_colour_is_left_out_where_it_is_not_wanted(entry, monkeypatch):
    def coloured():
        screen = Screen(is_terminal=True)
        show_gates(make_console(screen), entry)
        return re.findall(r"\x1b\[([0-9;]*)m", screen.getvalue())

    assert "31" in {code for codes in coloured() for code in codes.split(";")}
    monkeypatch.setenv("NO_COLOR", "1")
    assert not {code for codes in coloured() for code in codes.split(";")} & {str(n) for n in range(30, 50)}


def test_on_a_terminal_the_line_moves():
    screen = Screen(is_terminal=True)
    with RunDisplay(make_console(screen)) as display:
        display.handle({"event": "node_started", "node": "Trainer"})
        display.handle({"event": "progress", "done": 430, "total": 1000, "unit": "steps", "text": "loss 1.2"})
        assert display.current == "Trainer"
    assert "\x1b[?25l" in screen.getvalue()  # the cursor is hidden …
    assert "\x1b[?25h" in screen.getvalue()  # … and comes back


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_moving_line_fits_the_terminal(width):
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    display = RunDisplay(console)
    display.handle({"event": "node_started", "node": "LibriSpeechExampleGen"})
    display.handle(
        {"event": "progress", "done": 12345, "total": 281241, "unit": "utterances", "text": "960.9 h of speech"}
    )
    console.print(display._render())
    (line,) = screen.getvalue().splitlines()
    assert len(line) <= width
    assert line[4:].startswith("LibriSpeechExampleGen")
    if width == 120:
        assert line.rstrip().endswith("12,345 of 281,241 utterances · 960.9 h of speech")


def test_a_long_node_is_heard_of_now_and_then_where_lines_cannot_move(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("pipeline.display.time.monotonic", lambda: now[0])
    screen = Screen(is_terminal=False)
    display = RunDisplay(make_console(screen))
    display.handle({"event": "node_started", "node": "Trainer"})
    for step in range(1, 9):
        now[0] += 10
        display.handle({"event": "progress", "done": step, "total": 8, "unit": "steps", "text": ""})
    assert lines_of(screen.getvalue()) == ["Trainer: 3 of 8 steps", "Trainer: 6 of 8 steps"]


def test_what_fails_while_a_run_is_stopped_was_interrupted():
    screen = Screen(is_terminal=False)
    display = RunDisplay(make_console(screen))
    display.handle({"event": "node_started", "node": "Trainer"})
    display.is_stopping = True
    display.handle({"event": "node_failed", "node": "Trainer", "seconds": 5.0, "message": "stopped"})
    assert lines_of(screen.getvalue()) == ["✗ Trainer 5.0 s interrupted"]
    assert display.current == "Trainer"


def test_text_of_others_is_not_taken_for_markup():
    screen = Screen(is_terminal=False)
    display = RunDisplay(make_console(screen))
    display.handle({"event": "node_started", "node": "[bold]Trainer[/nothing]"})
    display.handle({"event": "node_finished", "node": "[bold]Trainer[/nothing]", "seconds": 1.0})
    assert "[bold]Trainer[/nothing]" in screen.getvalue()


def test_a_stream_that_lacks_the_signs_still_gets_the_text():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    make_console(stream).print("✓ done")
    stream.flush()
    assert raw.getvalue() == b"? done\n"


def test_what_doctor_found_is_shown_with_its_mend():
    checks = [Check("python", "ok", "3.10.13"), Check("disk", "fail", "0.1 GB free", "free some space")]
    assert lines_of(shown(show_checks, checks)) == ["✓ python 3.10.13", "✗ disk 0.1 GB free", "mend: free some space"]


def test_percentages():
    assert format_percent(0.1462) == "14.6 %"
    assert format_percent(1.0206) == "102.1 %"
    assert format_percent(None) == "no number"


def test_paths_below_the_current_directory_are_shown_short(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert display_path(tmp_path / "workspace" / "log.txt") == "workspace/log.txt"
    assert display_path("/elsewhere/log.txt") == "/elsewhere/log.txt"


def test_a_decision_stands_beside_the_verdict_and_what_was_typed_is_escaped(entry):
    def decided(word, reason, who="jane@host"):
        return DecisionRecord(word, reason, who, "2026-01-01T00:00:00+00:00", "r", "NEEDS_REVIEW", "5", "6", "7")

    decisions = (decided("reject", "No."), decided("approve", "[red]Good[/red]\n\x1b[31mred", who="\x07jane@host"))
    entry = dataclasses.replace(entry, verdict="NEEDS_REVIEW", decisions=decisions)
    screen = io.StringIO()
    console = Console(file=screen, width=160)
    show_review(console, entry)
    shown = screen.getvalue()
    latest = "approved by \\x07jane@host at 2026-01-01T00:00:00+00:00: [red]Good[/red] \\x1b[31mred\n"
    assert latest in shown
    assert shown.index(" NEEDS REVIEW ") < shown.index(latest) < shown.index("rejected by jane@host at 2026")
    assert not CONTROL.search(shown)
    screen.truncate(0)
    show_runs(console, [entry])
    assert re.search(r"NEEDS REVIEW .*\n +approved ", screen.getvalue())


def test_a_message_is_shown_line_by_line_without_what_would_move_the_cursor():
    screen = io.StringIO()
    show_message(Console(file=screen, width=80), "The model is [b]approved[/b]:\x1b[2J yes\nAnd more.")
    assert screen.getvalue() == "The model is [b]approved[/b]:\\x1b[2J yes\nAnd more.\n"


def test_a_silent_console_shows_nothing(capsys):
    show_message(silent_console(), "The model is approved.")
    assert capsys.readouterr() == ("", "")
