"""`w2v2 completion`, and what the shells are offered for the values of options."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import UsageError

COMPLETE_VARIABLE = "_W2V2_COMPLETE"
"""Where this is set, a shell asks for what may follow; the scripts set it."""

_SHELLS = ("bash", "zsh")
_ZSH_REGISTRATION = "compdef _w2v2_completion w2v2"
# From a directory of fpath, zsh runs the script as the function _w2v2 when Tab is pressed, and wants an answer.
_ZSH_REGISTRATION_AND_CALL = f"""{_ZSH_REGISTRATION}
if [[ $funcstack[1] == _w2v2 ]]; then
  _w2v2_completion "$@"
fi"""


def complete_shell(incomplete: str) -> list[str]:
    """Returns the shells that there are scripts for."""
    return _beginning(_SHELLS, incomplete)


def completion(
    shell: Annotated[
        str, typer.Argument(metavar="SHELL", help="bash or zsh.", autocompletion=complete_shell, show_default=False)
    ],
) -> int:
    """Print the script that lets a shell complete commands, options, runs, configurations and files."""
    if shell not in _SHELLS:
        raise UsageError(f"SHELL must be one of {', '.join(_SHELLS)}, not {shell!r}; give one of them.")
    from typer.completion import get_completion_script

    script = get_completion_script(prog_name="w2v2", complete_var=COMPLETE_VARIABLE, shell=shell)
    if shell == "zsh":
        script = script.replace(_ZSH_REGISTRATION, _ZSH_REGISTRATION_AND_CALL)
    sys.stdout.write(f"{script}\n")
    return 0


def prepare_completion() -> None:
    """Lets typer answer a shell; it is asked to do so only where a shell asks, because it takes time."""
    if COMPLETE_VARIABLE in os.environ:
        from typer.completion import completion_init

        completion_init()


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Returns the ids of runs, the newest first; of runs on Vertex AI none, because no network is asked."""
    from beam_jobs import places
    from pipeline.workspace import Workspace, named_place

    named = named_place(_given(ctx, "workspace"))
    if places.is_remote(named):
        return []
    with contextlib.suppress(OSError):  # nobody waits for an error when Tab is pressed
        return _beginning(Workspace.at(named).run_ids(), incomplete)
    return []


def complete_config(incomplete: str) -> list[str]:
    """Returns the names of configurations, and the Python files of this directory."""
    package = importlib.util.find_spec("pipeline.configs")
    places = list(package.submodule_search_locations or ()) if package is not None else []
    names = sorted(path.stem for place in places for path in Path(place).glob("[!_]*.py"))
    return [*_beginning(names, incomplete), *_beginning(sorted(path.name for path in Path().glob("*.py")), incomplete)]


def complete_corpus(incomplete: str) -> list[str]:
    """Returns the subsets of LibriSpeech, several with commas, and `synthetic`; the shell adds files where none is."""
    from beam_jobs.librispeech.published import PUBLISHED

    before, comma, last = incomplete.rpartition(",")
    names = _beginning([name for name in PUBLISHED if name not in before.split(",")], last)
    return [f"{before}{comma}{name}" for name in names] + ([] if comma else _beginning(("synthetic",), incomplete))


def complete_checkpoint(incomplete: str) -> list[str]:
    """Returns what has a name; the shell adds files where none fits."""
    return _beginning(("tiny", "hf://"), incomplete)


def complete_node(incomplete: str) -> list[str]:
    """Returns the nodes of the graph, of both tasks."""
    from pipeline.nodes import EVALUATORS, node_ids

    return _beginning(dict.fromkeys(node for task in EVALUATORS for node in node_ids(task)), incomplete)


def complete_release_format(incomplete: str) -> list[str]:
    """Returns the formats of a release."""
    return _beginning(("saved_model", "onnx", "checkpoint"), incomplete)


def complete_transcript_format(incomplete: str) -> list[str]:
    """Returns the forms of a transcript."""
    return _beginning(("text", "json", "srt", "vtt"), incomplete)


def complete_padding(incomplete: str) -> list[str]:
    """Returns what padding can be to a model."""
    return _beginning(("masked", "unmasked", "both"), incomplete)


def complete_normaliser(incomplete: str) -> list[str]:
    """Returns the normalisers of `w2v2 score`."""
    return _beginning(("none", "librispeech", "unpunctuated", "characters"), incomplete)


def complete_runtime(incomplete: str) -> list[str]:
    """Returns the runtimes of `w2v2 transcribe`."""
    return _beginning(("auto", "onnxruntime", "openvino"), incomplete)


def complete_precision(incomplete: str) -> list[str]:
    """Returns the precisions of `w2v2 transcribe`."""
    return _beginning(("auto", "float32", "int8", "bfloat16"), incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _given(context: typer.Context, name: str) -> Any:
    return context.params.get(name)
