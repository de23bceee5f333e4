"""Completion, in the shells themselves."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from beam_jobs.librispeech.published import PUBLISHED
from model.export.release import FORMATS
from model.metrics.normaliser import NORMALISERS
from model.runtimes.choice import PRECISIONS, RUNTIMES
from pipeline import cli
from pipeline.commands import completion
from pipeline.nodes import node_ids
from pipeline.record import RunDirectory, RunRecord

BIN = str(Path(sys.executable).parent)
RUNS = ["20260102T000000Z-bbbb", "20260101T000000Z-aaaa"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with a workspace of two runs, and some files; it is the current one."""
    for run_id in RUNS:
        RunDirectory(tmp_path / "workspace/runs" / run_id).create(
            RunRecord(run_id, "small", {}, "2026-01-01T00:00:00+00:00", state="COMPLETE")
        )
    for name in ("my_run.py", "speech.tsv", "my speech.tsv"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("W2V2_WORKSPACE", raising=False)
    return tmp_path


@pytest.fixture
def bash(place):
    """What bash would offer for the words of a line; its own function is called, with its own variables."""
    script = subprocess.run([f"{BIN}/w2v2", "completion", "bash"], capture_output=True, text=True, check=True).stdout
    (place / "w2v2.sh").write_text(script)

    def offered(*words):
        quoted = " ".join(f"'{word}'" for word in words)
        program = (
            f". ./w2v2.sh; complete -p w2v2 >&2; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1};"
            ' _w2v2_completion w2v2; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "--norc", "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        )
        assert done.stderr == "complete -o default -F _w2v2_completion w2v2\n"
        return done.stdout.split("\n")[:-1] if done.stdout.strip() else []

    return offered


def test_bash_completes_commands_options_and_values(bash, place):
    assert bash("w2v2", "re") == ["review", "reject"]
    assert bash("w2v2", "vertex", "s") == ["submit", "status"]
    assert bash("w2v2", "run", "--fr") == ["--from"]
    assert bash("w2v2", "review", "") == RUNS
    assert bash("w2v2", "approve", "20260101") == RUNS[1:]
    assert bash("w2v2", "run", "--config", "librispeech_1") == [
        "librispeech_100h", "librispeech_10h", "librispeech_10m", "librispeech_1h",
    ]  # fmt: skip
    assert bash("w2v2", "run", "--config", "my") == ["my_run.py"]
    assert bash("w2v2", "run", "--corpus", "test-clean,dev-c") == ["test-clean,dev-clean"]
    # Nothing of ours: bash takes the names of files then (-o default).
    assert bash("w2v2", "run", "--corpus", "spee") == []
    assert bash("w2v2", "transcribe", "my") == []
    (place / "elsewhere").mkdir()
    assert bash("w2v2", "reject", "--workspace", str(place / "elsewhere"), "") == []
    assert bash("w2v2", "reject", "--workspace", "gs://bucket/w2v2", "") == []
    names = {path.name for path in place.iterdir()}
    assert names == {"elsewhere", "my speech.tsv", "my_run.py", "speech.tsv", "w2v2.sh", "workspace"}


class Terminal:
    """A shell on a pseudo-terminal, to which keys are sent."""

    def __init__(self, command, environment):
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)

    def send(self, keys):
        os.write(self._master, keys.encode())

    def wait_for(self, text, seconds=30.0):
        """Reads until a text has come; returns all that came."""
        said, until = "", time.monotonic() + seconds
        while text not in said:
            left = until - time.monotonic()
            ready, _, _ = select.select([self._master], [], [], max(left, 0))
            assert ready, f"{text!r} did not come, but {said!r}"
            said += os.read(self._master, 65536).decode(errors="replace")
        return said

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@pytest.fixture
def terminal():
    opened = []

    def start(command, **environment):
        paths = {"PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(Path.cwd())}
        opened.append(Terminal(command, {**os.environ, **paths, **environment}))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.mark.usefixtures("place")
def test_tab_in_bash(terminal):
    shell = terminal(["bash", "--norc", "--noprofile", "-i"], PS1="ready> ")
    shell.wait_for("ready> ")
    shell.send('eval "$(w2v2 completion bash)"; echo load""ed\n')
    shell.wait_for("loaded")
    shell.send("echo w2v2; w2v2 rev\t")
    shell.wait_for("review ")
    shell.send("20260102\t")
    shell.wait_for(RUNS[0][8:])
    shell.send("\x15w2v2 run --corpus spee\t")
    shell.wait_for("speech.tsv")


@pytest.mark.zsh
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("way", ["eval", "fpath"])
def test_tab_in_zsh(terminal, request, way):
    shell = terminal([request.config.getoption("--zsh"), "-f", "-i"], PS1="ready> ")
    shell.wait_for("ready> ")
    load = 'eval "$(w2v2 completion zsh)"'
    before = "" if way == "eval" else "mkdir zfunc; w2v2 completion zsh > zfunc/_w2v2; fpath=($PWD/zfunc $fpath);"
    after = load if way == "eval" else "true"
    shell.send(f"{before} autoload -Uz compinit && compinit -u -D; {after}; echo load''ed\n")
    shell.wait_for("loaded")
    shell.send("w2v2 rev\t")
    shell.wait_for("iew ")
    shell.send("20260102\t")
    shell.wait_for(RUNS[0][8:])
    shell.send("\x15w2v2 run --corpus spee\t")
    shell.wait_for("ch.tsv")


def test_zsh_is_told_what_it_asks_for(place):
    """As its function asks, without the shell: `--zsh=PATH` runs the tests with it."""

    def told(line):
        environment = {**os.environ, "_TYPER_COMPLETE_ARGS": line, "_W2V2_COMPLETE": "complete_zsh"}
        command = [f"{BIN}/w2v2"]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()

    assert told("w2v2 review 20260101").startswith("_arguments '*: :((")
    assert RUNS[1] in told("w2v2 review 20260101")
    assert told("w2v2 run --corpus spee") == "_files"
    script = subprocess.run([f"{BIN}/w2v2", "completion", "zsh"], capture_output=True, text=True, check=True).stdout
    assert script.startswith("#compdef w2v2\n")
    assert script.count("compdef _w2v2_completion w2v2") == 1
    assert "funcstack" in script
    del place


def test_tab_never_shows_an_error(place, monkeypatch, bash):
    (place / "file").touch()
    assert bash("w2v2", "reject", "--workspace", str(place / "file"), "") == []
    # What is spelt wrongly is passed over; the fixture sees that nothing comes on standard error.
    assert "review" in bash("w2v2", "nothing", "")
    assert bash("w2v2", "run", "--nothing", "") == []
    monkeypatch.setattr("pipeline.workspace.Workspace.run_ids", _refuse)
    assert completion.complete_run(typer.Context(typer.main.get_command(cli.app)), "") == []


def _refuse(_):
    raise PermissionError(13, "Permission denied")


def test_another_shell_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["completion", "fish"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "✗ SHELL must be one of bash, zsh, not 'fish'; give one of them.\n"


def test_what_is_offered_is_what_is_taken():
    assert completion.complete_release_format("") == list(FORMATS)
    assert completion.complete_normaliser("") == list(NORMALISERS)
    assert completion.complete_runtime("") == list(RUNTIMES)
    assert completion.complete_precision("") == list(PRECISIONS)
    assert completion.complete_node("") == [*node_ids("ctc"), "PretrainingEvaluator"]
    assert completion.complete_corpus("") == [*PUBLISHED, "synthetic"]
    assert completion.complete_corpus("dev-clean,") == [
        f"dev-clean,{name}" for name in PUBLISHED if name != "dev-clean"
    ]
    assert completion.complete_node("Hub") == ["HubPusher"]


def test_an_answer_imports_nothing_heavy(place):
    script = """
import os, sys
from pipeline import cli
try:
    cli.main([])
except SystemExit:
    pass
heavy = {"tensorflow", "keras", "tfx", "apache_beam", "kfp", "torch", "ml_metadata", "numpy", "rich.live"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    for line in ("w2v2 ", "w2v2 review ", "w2v2 run --config ", "w2v2 run --from ", "w2v2 transcribe --format "):
        words = line.split(" ")
        environment = {"_W2V2_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert (done.returncode, done.stderr) == (0, ""), line
        assert done.stdout.strip(), line
    del place
