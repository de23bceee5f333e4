"""The pages of --help at every width, their examples and their words."""

import re
import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import typer

from pipeline import cli
from pipeline.commands.examples import EXAMPLES, EXIT_CODES
from pipeline.commands.help_page import examples_of
from pipeline.commands.reference import MARK, PAGE, reference, walk
from pipeline.commands.usage import sentence

COMMANDS = dict(walk())
LEAVES = {path: command for path, command in COMMANDS.items() if not hasattr(command, "commands")}
FRAME = re.compile(r"[\s╭╮╰╯│─]+")


@pytest.fixture
def page(capsys, monkeypatch):
    """Returns the help of a command at a width."""

    def page(path, width, **environment):
        for name, value in {"COLUMNS": str(width), **environment}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            cli.main([*path.split()[1:], "--help"])
        assert not ended.value.code
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return page


@pytest.mark.parametrize("path", COMMANDS)
def test_a_page_is_whole_at_every_width(page, path):
    command = COMMANDS[path]
    for width in (60, 80, 160):
        told = page(path, width)
        lines = told.splitlines()
        assert "\x1b" not in told
        # No line of an example is broken, so that it can be copied.
        for what, line in examples_of(path):
            assert f"   # {what}" in lines
            assert f"   {line}" in lines
        framed = [line for line in lines if line and line[0] in "╭│╰"]
        assert {len(line) for line in framed} == {width}
        letters = FRAME.sub("", told)
        for parameter in command.params:
            for name in parameter.opts if parameter.param_type_name == "option" else [parameter.metavar]:
                assert name in letters, (path, width, name)
            # Help of an option is in a column of its own: word by word, for its neighbours are between the lines.
            for word in parameter.help.split():
                assert word in letters, (path, width, word)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}])
def test_a_page_is_the_same_on_the_poorest_terminal(page, environment):
    assert page("w2v2 vertex submit", 80, **environment) == page("w2v2 vertex submit", 80, TERM="xterm", NO_COLOR="")


def test_every_command_has_examples_and_no_other():
    assert {path.partition(" ")[2] for path in COMMANDS} == set(EXAMPLES)
    for path in COMMANDS:
        assert examples_of(path)
        assert all(path in line for _, line in examples_of(path))


def calls(line):
    """The words of each call of w2v2 in a line for a shell."""
    return [shlex.split(found)[1:] for found in re.findall(r"\bw2v2 [^|>)]*", line)]


def parsed(words):
    """The path of the command that words call, and the values that it gets; it is not called itself."""
    found = []
    root = typer.main.get_command(cli.app)
    for path, command in walk(root):
        if path in LEAVES:
            command.callback = lambda path=path, **values: found.append((path, values))
    root.main(words, prog_name="w2v2", standalone_mode=False)
    return found


@pytest.mark.parametrize(("path", "line"), [(path, line) for path in COMMANDS for _, line in examples_of(path)])
def test_an_example_is_taken_by_the_parser(capsys, path, line):
    (words,) = calls(line)
    found = parsed(words)
    if "--help" in words:
        assert "Usage: w2v2 run" in capsys.readouterr().out
        return
    ((called, values),) = found
    assert called.startswith(path) if path in ("w2v2", "w2v2 vertex", "w2v2 schedule") else called == path
    given = {word.partition("=")[0] for word in words[: (words + ["--"]).index("--")] if word.startswith("--")}
    assert given <= {name for parameter in LEAVES[called].params for name in parameter.opts}
    assert values.keys() == {parameter.name for parameter in LEAVES[called].params}


def test_the_parser_of_this_test_would_find_a_wrong_example():
    with pytest.raises(Exception, match="No such option: --confg"):
        parsed(["run", "--confg", "smoke"])


def test_the_same_option_has_the_same_words():
    helps, metavars = defaultdict(set), defaultdict(set)
    for command in LEAVES.values():
        for parameter in command.params:
            if parameter.param_type_name == "option":
                name = max(parameter.opts, key=len)
                helps[name].add(parameter.help)
                metavars[name].add(None if parameter.is_flag else parameter.metavar)
    assert all(len(helps[name]) == 1 for name in ("--json", "--anyway", "--reason", "--workers", "--from"))
    beginnings = {
        "--config": "A configuration by name, such as smoke, or a Python file with get_config()",
        "--workspace": "Where runs, metadata and released models lie; W2V2_WORKSPACE, or ./workspace.",
    }
    for name, beginning in beginnings.items():
        assert all(told.startswith(beginning) for told in helps[name]), name
    cloud = {told for told in helps["--corpus"] if told.startswith("'synthetic', or a corpus in Cloud Storage")}
    assert all(
        "subsets of LibriSpeech, such as dev-clean,test-clean, which are" in t for t in helps["--corpus"] - cloud
    )
    same = set(metavars) - {"--baseline", "--max-wer", "--output", "--to"}
    assert {name: metavars[name] for name in same if len(metavars[name]) > 1} == {}
    # Values have names that tell what they are, and no types of the programming language.
    assert not [name for name, found in metavars.items() if "" in found]
    assert not [
        (path, parameter.name)
        for path, command in LEAVES.items()
        for parameter in command.params
        if not parameter.metavar and not getattr(parameter, "is_flag", False)
    ]


@pytest.mark.parametrize("path", COMMANDS)
def test_words_of_help_are_sentences(path):
    first = COMMANDS[path].help.splitlines()[0]
    assert first.endswith(".")
    for parameter in COMMANDS[path].params:
        assert parameter.help, (path, parameter.name)
        assert parameter.help[-1] in ".…", (path, parameter.name)


def test_the_root_tells_of_every_exit_code(page):
    told = page("w2v2", 80)
    table = told[told.index(" Exit codes") :]
    assert [int(number) for number in re.findall(r"^ +(\d+)  ", table, re.MULTILINE)] == list(EXIT_CODES)


def test_exit_codes_are_those_of_the_errors():
    from model import errors

    codes = {error.exit_code for error in vars(errors).values() if hasattr(error, "exit_code")}
    assert codes <= set(EXIT_CODES)


def test_the_page_of_the_documentation_is_that_of_the_parser():
    _, mark, written = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark
    assert written.strip() == reference().strip(), "write it anew: python -m pipeline.commands.reference"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("No such command 'rnu'. Did you mean 'run', 'runs'?", "No such command 'rnu' (did you mean run or runs?)"),
        ("No such option: --confg (Possible options: --config)", "No such option: --confg (did you mean --config?)"),
        ("Missing option '--reason'.", "Missing option '--reason'"),
        ("Got unexpected extra argument\n(x)", "Got unexpected extra argument (x)"),
    ],
)
def test_wrong_usage_is_one_sentence(told, said):
    assert sentence(told) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "No such command 'rnu' (did you mean run?); w2v2 --help tells what it takes."),
        (["run", "--confg", "a"], "No such option: --confg (did you mean --config?); w2v2 run --help tells what it t"),
        (["vertex", "statsu"], "No such command 'statsu' (did you mean status?); w2v2 vertex --help tells what it ta"),
        (["approve", "2026"], "Missing option '--reason'; w2v2 approve --help tells what it takes."),
        (["runs", "too", "many"], "Got unexpected extra argument(s) (too many); w2v2 runs --help tells what it takes."),
        (["ingest", "--corpus", "a", "--output", "b", "--workers", "x"], "Invalid value for '--workers': "),
        (["\x1b[31mé"], "No such command "),
    ],
)
def test_wrong_usage_ends_like_every_error(capsys, words, said):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (2, "")
    assert captured.err.startswith(f"✗ {said}")
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


def test_with_json_wrong_usage_is_the_document(capsys):
    with pytest.raises(SystemExit):
        cli.main(["runs", "--jso", "--json"])
    assert '"exit_code": 2' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["vertex"])
    captured = capsys.readouterr()
    assert "Usage: w2v2 vertex" in captured.out
    assert captured.err == ""


def test_the_module_writes_the_page():
    before = PAGE.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.commands.reference"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"Wrote {PAGE}.\n"
    assert PAGE.read_bytes() == before
    assert Path(PAGE).name == "command_line.md"
