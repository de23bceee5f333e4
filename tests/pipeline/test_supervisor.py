"""The parent's side of a run, with small scripts in place of the run's process."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import types

import psutil
import pytest
from rich.console import Console

from components.decisions import DecisionRecord, create_decision
from model.errors import TryAgainError
from pipeline.config import load_config
from pipeline.display import RunDisplay
from pipeline.record import RunDirectory, RunRequest
from pipeline.runs import read_runs
from pipeline.supervisor import (
    ProcessResult,
    _conclude,
    exit_code_of,
    failure_of,
    memory_of_tree,
    start_run,
    supervise,
)
from pipeline.workspace import Workspace


@pytest.fixture(autouse=True)
def signals_are_heard():
    """As on a terminal: a shell without job control starts what is in the background with SIGINT ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


# What a script needs to speak like pipeline.local.
PRELUDE = """
import json, os, signal, sys, time
from model.progress import emit
descriptor = int(sys.argv[sys.argv.index("--outcome-descriptor") + 1])
def end(**outcome):
    os.write(descriptor, json.dumps(outcome).encode())
    sys.exit(outcome.get("exit_code", 0))
"""


@pytest.fixture
def follow(tmp_path):
    """Runs a script as the process of a run; returns the result and what the terminal showed."""

    def run(script):
        screen = io.StringIO()
        directory = RunDirectory(tmp_path / "run")
        directory.path.mkdir(exist_ok=True)
        display = RunDisplay(Console(file=screen, width=120))
        result = supervise([sys.executable, "-c", PRELUDE + script], directory, display)
        return result, screen.getvalue()

    return run


def test_a_run_leaves_the_memory_of_a_gpu_to_the_training(follow, monkeypatch, tmp_path):
    print_it = "print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'], flush=True); end(ok=True)"
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    follow(print_it)
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "false")
    follow(print_it)
    assert RunDirectory(tmp_path / "run").log_file.read_text().split() == ["true", "false"]


def test_stages_and_nodes_are_shown_one_line_each(follow):
    result, screen = follow(
        """
emit("stage", {"text": "Preparing the corpus"})
emit("node_started", {"node": "Transform"})
emit("progress", {"done": 3, "total": 7, "unit": "files", "text": ""})
emit("node_finished", {"node": "Transform", "seconds": 12.4, "cached": False})
emit("node_started", {"node": "Trainer"})
emit("node_finished", {"node": "Trainer", "seconds": 0.1, "cached": True})
print("chatter")
end(ok=True)
"""
    )
    assert failure_of(result) is None
    lines = [line.split() for line in screen.splitlines()]
    assert lines[0][:4] == ["✓", "Preparing", "the", "corpus"]
    assert lines[1:] == [["✓", "Transform", "12", "s"], ["✓", "Trainer", "cached"]]
    assert result.peak_memory_bytes > 1_000_000
    assert 0 < result.seconds < 60


def test_chatter_goes_to_the_log(follow, tmp_path):
    _, screen = follow("print('out'); print('err', file=sys.stderr); end(ok=True)")
    assert (tmp_path / "run" / "log.txt").read_text() in ("out\nerr\n", "err\nout\n")
    assert screen == ""


def test_a_failure_is_told_with_its_exit_code(follow):
    result, screen = follow(
        """
emit("node_started", {"node": "Trainer"})
emit("node_failed", {"node": "Trainer", "seconds": 3.0, "message": "x"})
end(ok=False, exit_code=3, message="Audio must be mono.", expected=True)
"""
    )
    failure = failure_of(result)
    assert failure is not None
    assert (failure.exit_code, failure.message) == (3, "Audio must be mono.")
    assert screen.split() == ["✗", "Trainer", "3.0", "s", "failed"]


def test_an_error_that_was_not_foreseen_points_to_the_log(follow):
    result, _ = follow("end(ok=False, exit_code=1, message='KeyError: 3', expected=False)")
    failure = failure_of(result)
    assert failure is not None
    assert failure.exit_code == 1
    assert failure.message == "The run failed with an error that was not foreseen (KeyError: 3); the log tells more."


def test_a_process_that_is_killed_names_memory_and_the_node(follow):
    result, screen = follow("emit('node_started', {'node': 'Trainer'}); os.kill(os.getpid(), signal.SIGKILL)")
    failure = failure_of(result, "go on with w2v2 run --resume")
    assert failure is not None
    assert failure.exit_code == 75
    assert failure.message.startswith("The run was killed during Trainer, most likely because the machine's memory ran")
    assert failure.message.endswith(
        " GB); free some memory and go on with w2v2 run --resume, or choose a smaller train.batch_samples and begin"
        " anew."
    )
    assert screen.split()[:2] == ["✗", "Trainer"]


def test_a_process_that_crashes_names_the_signal(follow):
    result, _ = follow("os.kill(os.getpid(), signal.SIGSEGV)")
    failure = failure_of(result)
    assert failure is not None
    assert (failure.exit_code, failure.message) == (1, "The process of the run crashed (SIGSEGV); the log tells more.")


@pytest.mark.parametrize("code", [0, 7])
def test_a_process_that_says_nothing_is_no_success(follow, code):
    result, _ = follow(f"sys.exit({code})")
    failure = failure_of(result)
    assert failure is not None
    assert failure.exit_code == 1
    assert failure.message == (f"The process of the run ended without a result (exit code {code}); the log tells more.")


def _signal_when_ready(path, number, times=1):
    def wait():
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in range(times):
            os.kill(os.getpid(), number)
            time.sleep(0.3)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_stop_is_handed_on_and_said(follow, tmp_path, number, exit_code):
    ready = tmp_path / "ready"
    thread = _signal_when_ready(ready, number)
    result, screen = follow(
        f"""
def stop(*_):
    end(ok=False, exit_code=75, message="stopped", expected=True)
signal.signal(signal.SIGTERM, stop)
emit("node_started", {{"node": "Trainer"}})
open({str(ready)!r}, "w").close()
time.sleep(60)
"""
    )
    thread.join()
    failure = failure_of(result, "go on with w2v2 run --resume --config smoke")
    assert failure is not None
    assert failure.exit_code == exit_code
    assert failure.message == "The run was stopped during Trainer; go on with w2v2 run --resume --config smoke."
    assert screen.split()[-1] == "interrupted"
    assert result.seconds < 30


def test_a_second_signal_ends_a_process_that_does_not_listen_and_what_it_started(follow, tmp_path):
    ready = tmp_path / "ready"
    thread = _signal_when_ready(ready, signal.SIGINT, times=2)
    result, _ = follow(
        f"""
import subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
helper = subprocess.Popen(["sleep", "60"])
open({str(ready)!r}, "w").write(str(helper.pid))
time.sleep(60)
"""
    )
    thread.join()
    failure = failure_of(result)
    assert failure is not None
    assert failure.exit_code == 130
    assert result.return_code == -signal.SIGKILL
    helper = int(ready.read_text())
    deadline = time.monotonic() + 10
    while _is_alive(helper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(helper)


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_signals_mean_what_they_meant_before(follow):
    before = signal.getsignal(signal.SIGINT)
    follow("end(ok=True)")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_is_ignored_stays_so(follow, tmp_path):
    ready = tmp_path / "ready"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        thread = _signal_when_ready(ready, signal.SIGHUP)
        result, _ = follow(f"open({str(ready)!r}, 'w').close(); time.sleep(1); end(ok=True)")
        thread.join()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert result.stop_signal is None
    assert failure_of(result) is None


def test_memory_is_that_of_all_processes_together(follow, monkeypatch):
    monkeypatch.setattr("pipeline.supervisor._MEMORY_POLL_SECONDS", 0.1)
    monkeypatch.setattr("resource.getrusage", lambda _: types.SimpleNamespace(ru_maxrss=1))
    result, _ = follow(
        """
import subprocess
hold = (
    "import sys; held = bytearray(100_000_000)\\n"
    "for page in range(0, len(held), 4096): held[page] = 1\\n"  # only what was written to is resident
    "print(flush=True); sys.stdin.read()"
)
helpers = [
    subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
]
for helper in helpers:
    helper.stdout.readline()
time.sleep(1)
for helper in helpers:
    helper.communicate()
end(ok=True)
"""
    )
    assert 200_000_000 < result.peak_memory_bytes < 400_000_000
    monkeypatch.setattr("resource.getrusage", lambda _: types.SimpleNamespace(ru_maxrss=900_000))
    result, _ = follow("end(ok=True)")
    assert result.peak_memory_bytes == 900_000 * 1024


def test_memory_of_a_process_that_is_gone_is_none():
    process = subprocess.Popen(["true"])
    process.wait()
    assert memory_of_tree(process.pid) == 0


def test_memory_is_counted_where_shares_are_not_told(monkeypatch):
    def refused(self):
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "memory_full_info", refused)
    assert memory_of_tree(os.getpid()) >= psutil.Process().memory_info().rss / 2


def test_a_stop_that_comes_too_late_does_not_undo_success():
    result = ProcessResult(0, {"ok": True}, signal.SIGINT, None, 1.0, 1)
    assert failure_of(result) is None


class TestStartRun:
    @pytest.fixture
    def workspace(self, tmp_path):
        return Workspace(tmp_path / "workspace")

    @pytest.fixture
    def start(self, workspace):
        def run(**sources):
            screen = io.StringIO()
            config = load_config("smoke").with_sources(sources.get("corpus"), sources.get("checkpoint"))
            code = start_run(workspace, config, RunRequest(), Console(file=screen, width=200))
            return code, screen.getvalue()

        return run

    def test_a_missing_corpus_ends_in_one_sentence_and_a_record(self, start, workspace, tmp_path):
        code, screen = start(corpus=str(tmp_path / "nothing"))
        assert code == 2
        sentence = f"--corpus must be a directory that holds a corpus in LibriSpeech's layout; {tmp_path}/nothing"
        assert f"✗ {sentence}" in screen
        assert "Traceback" not in screen
        assert str(workspace.runs_dir) in screen
        (entry,) = read_runs(workspace)
        assert (entry.state, entry.nodes, entry.verdict) == ("FAILED", (), None)
        assert entry.record.message.startswith(sentence)
        assert (entry.record.exit_code, entry.record.request) == (2, RunRequest())
        assert "UsageError" in RunDirectory(workspace.runs_dir / entry.run_id).log_file.read_text()
        assert not workspace.metadata_file.exists()

    def test_a_workspace_that_is_in_use_is_refused_and_nothing_is_written(self, start, workspace):
        workspace.create()
        with (
            workspace.lock("20260101T000000Z-aaaa"),
            pytest.raises(TryAgainError, match=r"Only one run at a time .* run 20260101T000000Z-aaaa"),
        ):
            start()
        assert workspace.run_ids() == []

    def test_a_run_that_vanished_is_shown_as_interrupted(self, start, workspace, tmp_path):
        start(corpus=str(tmp_path / "nothing"))
        directory = RunDirectory(workspace.runs_dir / workspace.run_ids()[0])
        directory.write(dataclasses.replace(directory.read(), state="RUNNING"))
        assert read_runs(workspace)[0].state == "INTERRUPTED"
        with workspace.lock(workspace.run_ids()[0]):
            assert read_runs(workspace)[0].state == "RUNNING"

    @pytest.mark.parametrize(
        ("digests", "way_on"),
        [
            ({}, "run again with w2v2 run --config 'my config.py'"),
            ({"corpus": "a"}, "go on with w2v2 run --resume --config 'my config.py'"),
        ],
        ids=["before the graph", "in the graph"],
    )
    def test_a_run_that_is_stopped_names_the_command_that_goes_on(self, workspace, monkeypatch, digests, way_on):
        def stopped(command, directory, display, keep_open):
            directory.write(dataclasses.replace(directory.read(), digests=digests))
            return ProcessResult(-signal.SIGTERM, None, signal.SIGINT, "Trainer", 1.0, 1)

        monkeypatch.setattr("pipeline.supervisor.supervise", stopped)
        screen = io.StringIO()
        request = RunRequest(options=("--config", "my config.py"))
        assert start_run(workspace, load_config("smoke"), request, Console(file=screen, width=200)) == 130
        assert f"✗ The run was stopped during Trainer; {way_on}.\n" in screen.getvalue()
        assert read_runs(workspace)[0].record.message == f"The run was stopped during Trainer; {way_on}."

    def test_a_publication_that_is_stopped_names_the_approval(self, workspace, monkeypatch):
        stopped = ProcessResult(-signal.SIGTERM, None, signal.SIGINT, "HubPusher", 1.0, 1)
        monkeypatch.setattr("pipeline.supervisor.supervise", lambda *_: stopped)
        request = RunRequest(
            approved_run_id="20260101T000000Z-aaaa", options=("--config", "smoke", "--workspace", "my place")
        )
        assert start_run(workspace, load_config("smoke"), request, Console(file=io.StringIO())) == 130
        way_on = "run again with w2v2 approve 20260101T000000Z-aaaa --reason again --workspace 'my place'"
        assert read_runs(workspace)[0].record.message == f"The run was stopped during HubPusher; {way_on}."

    def test_the_configuration_is_kept_whole(self, start, workspace, tmp_path):
        start(corpus=str(tmp_path / "nothing"))
        text = json.loads(RunDirectory(workspace.runs_dir / workspace.run_ids()[0]).record_file.read_text())
        assert text["config"]["train"]["steps"] == 4
        assert text["config"]["corpus"]["source"] == str(tmp_path / "nothing")
        assert text["pipeline"].startswith("smoke-nothing")


@pytest.mark.parametrize(
    ("verdict", "word", "code"),
    [
        (None, None, 0),
        ("ACCEPT", None, 0),
        ("ACCEPT", "approve", 0),
        ("ACCEPT", "reject", 4),
        ("NEEDS_REVIEW", None, 5),
        ("NEEDS_REVIEW", "approve", 0),
        ("NEEDS_REVIEW", "reject", 4),
        ("REJECT", None, 4),
        ("REJECT", "approve", 4),
    ],
)
def test_the_exit_code_follows_the_last_word(verdict, word, code):
    decision = None if word is None else types.SimpleNamespace(decision=word)
    assert exit_code_of(types.SimpleNamespace(verdict=verdict, decision=decision)) == code  # pyright: ignore[reportArgumentType]


def test_a_run_whose_release_somebody_has_decided_about_ends_by_that_word_and_has_a_report_of_it(
    workspace, judge, monkeypatch
):
    run_ = judge("20260101T000000Z-aaaa", "NEEDS_REVIEW")
    judged = read_runs(workspace)[0].judged
    assert judged is not None
    record = DecisionRecord(
        "approve", "Heard it.", "jane@host", "2026-01-01T00:00:00+00:00", run_.run_id, "NEEDS_REVIEW", "7" * 64,
        run_.release_digest, "9" * 64,
    )  # fmt: skip
    create_decision(judged.decisions_place, 1, record)
    directory = RunDirectory(workspace.runs_dir / run_.run_id)
    screen = io.StringIO()
    result = ProcessResult(0, {"ok": True}, None, None, 1.0, 1)
    assert _conclude(workspace, directory, result, None, Console(file=screen, width=200)) == 0
    assert directory.read().exit_code == 0
    assert "<td>Heard it.</td>" in directory.report_file.read_text()
    assert str(directory.report_file) in screen.getvalue()
    assert "approved by jane@host" in screen.getvalue()


def test_a_run_that_has_judged_ends_with_a_report_that_has_the_history(workspace, judge):
    earlier = judge("20260101T000000Z-aaaa", "REJECT", content="other")
    run_ = judge("20260102T000000Z-bbbb", "ACCEPT")
    directory = RunDirectory(workspace.runs_dir / run_.run_id)
    screen = io.StringIO()
    result = ProcessResult(0, {"ok": True}, None, None, 1.0, 1)
    assert _conclude(workspace, directory, result, None, Console(file=screen, width=200)) == 0
    page = directory.report_file.read_text()
    assert page.index(f"<code>{run_.run_id}</code> (this report)") < page.index(f"<code>{earlier.run_id}</code>")
    assert "What people decided" not in page
    assert str(directory.report_file) in screen.getvalue()
