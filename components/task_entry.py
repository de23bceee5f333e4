"""The entry of a task on Vertex AI whose arguments have the name of its run: TFX's own, with that name for certain.

    python -m components.task_entry --executor_class_path … --json_serialized_invocation_args … --labels=w2v2-run=…

The service replaces `{{$.pipeline_job_name}}` in the arguments of a task. KFP's tests say that it does so inside a
longer argument, too (`kfp.local.placeholder_utils_test`), and Google's own components go by that; it has not been seen
from here. Left standing in a label, Beam would read it as Python and fail. So it is looked for once more, and replaced
by the name of the directory that the service has given to the run.
"""

from __future__ import annotations

import argparse
import json
import posixpath
from collections.abc import Sequence

from absl import app
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from components.run_labels import JOB_NAME_PLACEHOLDER, label_value


def parsed(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns what TFX's entry makes of the arguments: those that it knows, and the others, without placeholders.

    Args:
      argv: The program and its arguments.
    """
    known, others = kubeflow_v2_run_executor._parse_flags(list(argv))  # noqa: SLF001 — TFX's own is not public
    run = run_of_output(json.loads(known.json_serialized_invocation_args)["outputs"]["outputFile"])
    return known, [flag.replace(JOB_NAME_PLACEHOLDER, label_value(run)) for flag in others]


def run_of_output(output_file: str) -> str:
    """Returns the name of the run from where a task writes: `<root>/[<number>/]<run>/<task>/executor_output.json`."""
    return posixpath.basename(posixpath.dirname(posixpath.dirname(output_file)))


if __name__ == "__main__":
    app.run(kubeflow_v2_run_executor.main, flags_parser=parsed)
