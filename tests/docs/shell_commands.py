"""Checks the commands that pages show, without running them: would the program that is named take them?"""

from __future__ import annotations

import ast
import functools
import importlib.util
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import typer

from model.errors import ConfigurationError
from pipeline.cli import app
from pipeline.config import load_config
from tests.docs.pages import ROOT

# Commands that a test cannot run or parse, and why. Their syntax is checked by `bash -n` all the same.
ELSEWHERE = {
    "gcloud": "Google Cloud's, which is not installed",
    "docker": "needs a container engine",
    "pip": "installs from the network; that it names packages is looked at",
    "npm": "installs from the network",
    "curl": "asks a server that the reader has",
    "ffmpeg": "not part of the project",
    "jq": "not part of the project; its filter is the reader's",
    "jupyter": "a server that does not end",
    "tensorboard": "a server that does not end",
    "git": "of the reader's clone",
    "export": "of the shell",
    "mkdir": "of the shell",
    "cat": "of the shell",
    "cd": "of the shell",
    "printf": "of the shell",
    "source": "of the shell",
    "eval": "of the shell",
}
_WORDS_OF_THE_SHELL = {"do", "done", "then", "else", "fi"}
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_HEREDOC = re.compile(r"<<-?'?(?P<word>[A-Z]+)'?.*?\n(?P<body>.*?)^(?P=word)$", re.DOTALL | re.MULTILINE)
_CHOICES = re.compile(r"(?<=\s)(?P<choices>[a-z-]+(?:\|[a-z-]+)+)(?=\s|$)")
# What stands for something that only the reader knows.
_STANDS_FOR_SOMETHING = "…"


class WrongCommandError(Exception):
    """What is wrong with a command, in one sentence."""


def check_script(code: str) -> None:
    """Checks a block of shell.

    Raises:
      WrongCommandError: it is no shell, or one of its commands is unknown, or would not be taken.
    """
    parsed = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
    if parsed.returncode:
        raise WrongCommandError(f"bash cannot read it: {parsed.stderr.strip()}")
    for command in commands(code):
        check_command(command)


def commands(code: str) -> Iterator[list[str]]:
    """Yields the simple commands of a block of shell, as words, without assignments, redirections and comments."""
    for heredoc in _HEREDOC.finditer(code):
        if heredoc["word"] == "JSON":
            json.loads(heredoc["body"])
    code = _HEREDOC.sub(lambda found: found[0].split("<<")[0] + "\n", code).replace("\\\n", " ")
    for line in code.splitlines():
        for alternative in _alternatives(line):
            yield from _simple_commands(alternative)


def _alternatives(line: str) -> list[str]:
    """Returns a line once for each of its choices: `w2v2 schedule list|pause` is two commands."""
    found = _CHOICES.search(line.split(" #", maxsplit=1)[0])
    if found is None:
        return [line]
    return [f"{line[: found.start()]}{choice}{line[found.end() :]}" for choice in found["choices"].split("|")]


def _simple_commands(line: str) -> Iterator[list[str]]:
    line, inner = _without_substitutions(line)
    for text in inner:
        yield from _simple_commands(text)
    words = shlex.shlex(line, posix=True, punctuation_chars=";|&<>")
    words.whitespace_split = True
    words.commenters = "#" if re.search(r"(^|\s)#\s|^#", line) else ""
    command: list[str] = []
    is_target = False
    for word in [*words, ";"]:
        if is_target:
            is_target = False
        elif set(word) <= set("<>"):
            is_target = True
        elif set(word) <= set(";|&"):
            command = _without_preface(command)
            if command:
                yield command
            command = []
        else:
            command.append(word)


def _without_substitutions(line: str) -> tuple[str, list[str]]:
    """Returns a line with VALUE for each `$(…)`, and what stood in them."""
    inner: list[str] = []
    while (begin := line.find("$(")) >= 0:
        depth, end, is_quoted = 1, begin + 2, False
        while depth and end < len(line):
            is_quoted ^= line[end] == "'"
            depth += 0 if is_quoted else (line[end] == "(") - (line[end] == ")")
            end += 1
        inner.append(line[begin + 2 : end - 1])
        line = f"{line[:begin]}VALUE{line[end:]}"
    return line, inner


def _without_preface(words: list[str]) -> list[str]:
    while words and (words[0] in _WORDS_OF_THE_SHELL or _ASSIGNMENT.match(words[0])):
        words = words[1:]
    return [] if words[:1] == ["for"] else words


def check_command(words: Sequence[str]) -> None:
    """Checks one command.

    Raises:
      WrongCommandError: nobody here knows the program, or it would not take these words.
    """
    program = words[0].removeprefix(".venv/bin/")
    if program == ".venv-reference/bin/python":
        program = "python"
    arguments = [word for word in words[1:] if word != _STANDS_FOR_SOMETHING]
    checks: dict[str, Callable[[list[str]], None]] = {
        "w2v2": check_w2v2,
        "make": _check_make,
        "python": _check_python,
        "pytest": _check_pytest,
        "pip": _check_pip,
    }
    if program in checks:
        checks[program](arguments)
    elif program.startswith(("./", ".ci/")) or "/" in program:
        if not (ROOT / program).exists():
            raise WrongCommandError(f"{program} must be a file of the project, and is none.")
    elif program not in ELSEWHERE:
        raise WrongCommandError(
            f"{program} must be a command that the checker knows, and is not; write a check for it in"
            " tests/docs/shell_commands.py, or add it to ELSEWHERE with a reason."
        )


@functools.cache
def _w2v2() -> Any:
    return typer.main.get_command(app)


def find_w2v2_command(words: Sequence[str]) -> tuple[Any, list[str], list[str]]:
    """Returns the command that words name, its name, and the words that are left."""
    command, names, rest = _w2v2(), [], list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith(("-", "[", "COMMAND")):
        name = rest.pop(0)
        if name not in command.commands:
            raise WrongCommandError(
                f"w2v2 {' '.join([*names, name])} must be a command, and there is none of that name."
            )
        command = command.commands[name]
        names.append(name)
    return command, names, rest


def check_w2v2(words: list[str]) -> None:
    """Has the command line's own parser read the words; nothing is executed."""
    command, names, rest = find_w2v2_command(words)
    try:
        context = command.make_context(" ".join(["w2v2", *names]), list(rest))
    except click.exceptions.Exit:
        return  # --help and --version
    except Exception as error:
        # typer brings a click of its own, whose errors have no base with click's.
        if not hasattr(error, "format_message"):
            raise
        raise WrongCommandError(f"w2v2 {' '.join(words)}: {error.format_message()}") from error
    if hasattr(command, "commands") and not rest:
        raise WrongCommandError(
            f"w2v2 {' '.join(words)} must be a whole command, and {command.name} has commands below."
        )
    config = context.params.get("config")
    if isinstance(config, str) and not config.endswith(".py"):
        try:
            load_config(config)
        except ConfigurationError as error:
            raise WrongCommandError(f"w2v2 {' '.join(words)}: {error}") from error


def check_usage(text: str) -> None:
    """Checks a line of usage, `w2v2 review [OPTIONS] [RUN]`, against what the command says itself.

    Raises:
      WrongCommandError: the command is another one, or takes something else.
    """
    command, names, rest = find_w2v2_command(text.split()[1:])
    context = command.context_class(command, info_name=" ".join(["w2v2", *names]))
    # Some versions of typer put brackets around the brackets.
    takes = " ".join(command.collect_usage_pieces(context)).replace("[[", "[").replace("]]", "]")
    if " ".join(rest) != takes:
        raise WrongCommandError(f"w2v2 {' '.join(names)} takes {takes}, not {' '.join(rest)}.")


def check_options(words: Sequence[str]) -> None:
    """Checks a command that prose names in part: its name and its options must be there; values may lack."""
    command, names, rest = find_w2v2_command(words)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h"}
    for word in rest[: rest.index("--")] if "--" in rest else rest:
        option = word.partition("=")[0].rstrip(",.")
        if option.startswith("-") and option not in {"-", *known}:
            raise WrongCommandError(f"w2v2 {' '.join(names)} must have {option}, and has not.")


@functools.cache
def make_targets() -> frozenset[str]:
    """Returns the targets that `make help` lists: those for people."""
    return frozenset(
        re.findall(r"^([a-z0-9-]+):[^#]*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )


def _check_make(words: list[str]) -> None:
    variables = set(re.findall(r"^([A-Z_]+) \?=", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for word in words:
        if _ASSIGNMENT.match(word):
            if word.partition("=")[0] not in variables:
                raise WrongCommandError(f"make takes {', '.join(sorted(variables))}, not {word}.")
        elif word not in make_targets():
            raise WrongCommandError(f"make {word} must be a target of the Makefile, and is none.")


def _check_python(words: list[str]) -> None:
    if words[:1] == ["-m"]:
        name, rest = words[1], words[2:]
        if name in {"pip", "venv"}:
            return
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
        if spec is None or spec.origin is None:
            raise WrongCommandError(f"python -m {name} must be a module that can be run, and there is none.")
        _check_flags(Path(spec.origin), rest)
    elif words and words[0].endswith(".py"):
        if not (ROOT / words[0]).is_file():
            raise WrongCommandError(f"{words[0]} must be a file of the project, and is none.")
        _check_flags(ROOT / words[0], words[1:])
    else:
        raise WrongCommandError(f"python {' '.join(words)} must name a module or a file.")


def _check_flags(path: Path, words: Sequence[str]) -> None:
    """Checks that a program's parser, in its file or in those beside it, has the flags."""
    sources = [path, *(other for other in path.parent.glob("*.py") if path.name == "__main__.py")]
    known = {
        node.value
        for source in sources
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for word in words[: words.index("--")] if "--" in words else words:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in known:
            raise WrongCommandError(f"{path.relative_to(ROOT)} must have the flag {flag}, and has not.")


def _check_pytest(words: list[str]) -> None:
    ours = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    for word in words:
        flag = word.partition("=")[0]
        if flag.startswith("--"):
            if flag not in {"--deselect", "--timeout", "--dist"} and f'"{flag}"' not in ours:
                raise WrongCommandError(f"pytest must have the flag {flag}, and has not.")
        elif ("/" in word or word == "tests") and not (ROOT / word.partition("::")[0]).exists():
            raise WrongCommandError(f"{word} must be a file of the project, and is none.")


def _check_pip(words: list[str]) -> None:
    if words[:1] != ["install"] or len([word for word in words[1:] if not word.startswith("-")]) == 0:
        raise WrongCommandError(f"pip {' '.join(words)} must install something.")
    for extra in re.findall(r"wav2vec2-tfx\[([a-z,]+)\]", " ".join(words)):
        declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        for name in extra.split(","):
            if not re.search(rf"^{name} = \[", declared, re.MULTILINE):
                raise WrongCommandError(f"The extra {name} must stand in pyproject.toml, and does not.")
