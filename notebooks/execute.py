"""Executes the notebooks in a kernel of this environment, and keeps their outputs in them.

    make notebooks                                  # all of them
    python notebooks/execute.py onnx_and_latency    # one, or some

A notebook runs in an empty directory, and names files by relative paths alone, so no path of a machine gets into its
outputs; should one do so all the same, it is an error, and the file stays as it was.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from model.errors import DataError, UsageError, W2v2Error
from model.storage import replacing

DIRECTORY = Path(__file__).parent
_PARAMETERS_TAG = "parameters"
_LOG_LINE = re.compile(r"I\d{4} |INFO:tensorflow:|WARNING: All log messages before absl")
# What runs beside other work takes as long as that lets it.
_TIMEOUT_SECONDS, _STARTUP_SECONDS = 1_200, 300


def execute(
    notebook: Any, directory: Path, parameters: Mapping[str, Any] | None = None, more_code: str = "", timeout: int = 0
) -> Any:
    """Executes a notebook in a fresh kernel.

    Args:
      notebook: What nbformat has read; its cells get their outputs.
      directory: Where it runs.
      parameters: Values that take the place of those in the cell with the tag `parameters`, by name.
      more_code: A last cell, which is not kept.
      timeout: Seconds that a cell may take; 0 for the usual.

    Returns:
      The same notebook; with `more_code`, what that cell printed stands in `notebook.metadata["printed"]`.

    Raises:
      UsageError: a parameter is none of the notebook's.
      CellExecutionError: a cell raised an error.
    """
    for cell in notebook.cells:
        if _PARAMETERS_TAG in cell.metadata.get("tags", []):
            cell.source = _with_values(cell.source, parameters or {})
    cells = list(notebook.cells)
    if more_code:
        notebook.cells.append(nbformat.v4.new_code_cell(more_code))
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout or _TIMEOUT_SECONDS,
        startup_timeout=_STARTUP_SECONDS,
        resources={"metadata": {"path": str(directory)}},
    )
    client.execute()
    if more_code:
        notebook.metadata["printed"] = "".join(
            one.text for one in notebook.cells[-1].outputs if one.output_type == "stream"
        )
        notebook.cells = cells
    for cell in notebook.cells:
        # When it was executed is nobody's business, and would change with each execution.
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_log(output)]
    notebook.metadata["language_info"] = nbformat.from_dict({"name": "python"})
    return notebook


def paths_in(notebook: Any, directory: Path) -> list[str]:
    """Returns what in the outputs of a notebook tells of the machine that it ran on: homes, and its directory."""
    told = nbformat.writes(nbformat.from_dict({**notebook, "cells": [_outputs_of(cell) for cell in notebook.cells]}))
    places = (
        str(directory),
        str(Path.home()),
        sys.prefix,
        str(DIRECTORY.parent.resolve()),
        tempfile.gettempdir() + "/",
    )
    return [place for place in places if place != "/" and place in told]


def _is_log(output: Any) -> bool:
    """Tells whether an output is nothing but what TensorFlow and XLA log, which no variable turns off."""
    if output.output_type != "stream":
        return False
    return all(_LOG_LINE.match(line) for line in output.text.splitlines() if line)


def _outputs_of(cell: Any) -> Any:
    return {**cell, "source": ""}


def _with_values(source: str, parameters: Mapping[str, Any]) -> str:
    """Returns the cell of parameters with other values behind its own."""
    known = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    if unknown := sorted(parameters.keys() - known):
        raise UsageError(f"A parameter must be one of {', '.join(sorted(known))}, not {', '.join(unknown)}.")
    return "\n".join([source, *(f"{name} = {value!r}" for name, value in parameters.items())])


def _execute_file(path: Path, workspace: Path | None) -> None:
    notebook = nbformat.read(path, as_version=4)
    began, busy_before = time.monotonic(), _processor_seconds()
    with tempfile.TemporaryDirectory(prefix="notebook-") as temporary:
        directory = Path(temporary).resolve()
        if workspace is not None:
            (directory / "workspace").symlink_to(workspace.resolve())
        execute(notebook, directory)
        found = paths_in(notebook, directory)
    if found:
        raise DataError(f"Outputs must name no place of a machine, and those of {path.name} name {', '.join(found)}.")
    with replacing(path) as new:
        new.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    seconds, size_kb = time.monotonic() - began, path.stat().st_size / 1000
    # Beside other work the clock says little, and what the processor did more.
    busy = _processor_seconds() - busy_before
    sys.stdout.write(f"{path.name}: {seconds:.0f} s, {busy:.0f} s of processor time, {size_kb:.0f} kB\n")


def _processor_seconds() -> float:
    """Returns what kernels that have ended, and the processes that they started, have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(argv: Sequence[str] | None = None) -> int:
    """Executes notebooks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="without the suffix; default: all")
    parser.add_argument("--workspace", type=Path, help="of a run, for the notebook that reads its report")
    arguments = parser.parse_args(argv)
    known = {path.stem: path for path in sorted(DIRECTORY.glob("*.ipynb"))}
    try:
        for name in arguments.names or known:
            if name not in known:
                raise UsageError(f"A notebook must be one of {', '.join(known)}, not {name}.")
            _execute_file(known[name], arguments.workspace)
    except W2v2Error as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    # Kernels start from here, so the project is found also where it is not installed.
    os.environ.setdefault("PYTHONPATH", str(DIRECTORY.parent))
    sys.exit(main())
