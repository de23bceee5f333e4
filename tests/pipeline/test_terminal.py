"""Colours, and where there are none: on a terminal, which a pseudo-terminal is, and elsewhere."""

import io
import os
import pty
import subprocess
import sys

import pytest

from pipeline.terminal import colour_system

ESCAPE = "\x1b"
VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "GITHUB_ACTIONS", "PY_COLORS")


class Stream(io.StringIO):
    def __init__(self, is_terminal):
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "environment", "wanted"),
    [
        (True, {"TERM": "xterm"}, "auto"),
        (True, {}, "auto"),
        (False, {"TERM": "xterm"}, None),
        (True, {"NO_COLOR": "1"}, None),
        (True, {"NO_COLOR": ""}, "auto"),
        (True, {"TERM": "dumb"}, None),
        (True, {"CLICOLOR": "0"}, None),
        (True, {"CLICOLOR": "1"}, "auto"),
        (False, {"CLICOLOR": "1"}, None),
        (False, {"FORCE_COLOR": "1"}, "standard"),
        (False, {"FORCE_COLOR": "1", "COLORTERM": "truecolor"}, "truecolor"),
        (False, {"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}, "standard"),
        (False, {"FORCE_COLOR": "0"}, None),
        (False, {"FORCE_COLOR": ""}, None),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, None),
        (False, {"GITHUB_ACTIONS": "true"}, None),
    ],
)
def test_which_variable_wins(is_terminal, environment, wanted):
    assert colour_system(Stream(is_terminal), environment) == wanted


def on_terminal(*arguments, **variables):
    """What a command writes to a terminal, both streams together."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environment, "TERM": "xterm-256color", **variables},
    )
    os.close(slave)
    said = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the terminal has no other end any more
            break
        if not chunk:
            break
        said += chunk
    os.close(master)
    process.wait(timeout=60)
    return said.decode()


COMMANDS = {
    "help": ["--help"],
    "help of a command": ["vertex", "submit", "--help"],
    "list": ["gc"],
    "error": ["review"],
    "wrong usage": ["rnu"],
    "wrong option": ["run", "--confg", "a"],
    "doctor": ["doctor"],
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=list(COMMANDS))
def test_a_terminal_gets_colours_unless_they_are_not_wanted(arguments, monkeypatch, workspace):
    monkeypatch.setenv("W2V2_WORKSPACE", str(workspace.root))
    (workspace.runs_dir / "20260101T000000Z-aaaa").mkdir()
    (workspace.runs_dir / ".20260101T000000Z-aaaa.k3x_9abc").mkdir()
    with_colours = on_terminal(*arguments)
    assert ESCAPE in with_colours
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CLICOLOR": "0"}):
        assert ESCAPE not in on_terminal(*arguments, **variables), variables


@pytest.mark.parametrize("arguments", [["--help"], ["rnu"], ["doctor"]])
def test_elsewhere_colours_are_there_only_when_they_are_forced(arguments):
    outside = {name: value for name, value in os.environ.items() if name not in VARIABLES}

    def said(**variables):
        command = [sys.executable, "-m", "pipeline.cli", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env={**outside, **variables}, check=False)
        return done.stdout + done.stderr

    assert ESCAPE not in said(GITHUB_ACTIONS="true")
    assert ESCAPE in said(FORCE_COLOR="1")
    assert ESCAPE not in said(FORCE_COLOR="1", NO_COLOR="1")
