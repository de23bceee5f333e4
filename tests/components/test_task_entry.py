"""The name of the run gets into the arguments of a task, whether the service has put it there or not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from components.task_entry import parsed
from components.trainer.vertex import RUN_FLAG, run_of

REPOSITORY = Path(__file__).parents[2]
RUN = "smoke-synthetic-20260101000000"


def arguments(*flags, run=RUN, task="Transform_-31"):
    output_file = f"gs://speech/w2v2/pipelines/smoke/4711/{run}/{task}/executor_output.json"
    invocation = json.dumps({"outputs": {"outputFile": output_file}})
    return [
        "program",
        "--executor_class_path",
        "some.Executor",
        "--json_serialized_invocation_args",
        invocation,
        *flags,
    ]


def beam_labels(flags):
    return PipelineOptions(flags).view_as(GoogleCloudOptions).labels


@pytest.mark.parametrize("told", [RUN, "{{$.pipeline_job_name}}"])
def test_beam_and_the_training_get_the_name_of_the_run(told):
    known, flags = parsed(arguments("--labels=team=speech", f"--labels=w2v2-run={told}", f"{RUN_FLAG}{told}"))
    assert known.executor_class_path == "some.Executor"
    assert beam_labels(flags) == ["team=speech", f"w2v2-run={RUN}"]
    assert run_of(flags) == RUN


def test_what_is_put_there_is_the_value_of_a_label():
    _, flags = parsed(arguments("--labels=w2v2-run={{$.pipeline_job_name}}", run="Run.1"))
    assert flags[-1] == "--labels=w2v2-run=run-1"


def test_an_executor_runs_as_by_the_entry_of_tfx(tmp_path):
    output_file = tmp_path / "4711" / RUN / "RunReporter_6" / "executor_output.json"
    values = {
        "final_status": json.dumps({"state": "SUCCEEDED"}), "pipeline_name": "smoke", "project": "my-project",
        "region": "europe-west4", "evaluator": "WEREvaluator", "notifications": "{}",
    }  # fmt: skip
    invocation = {
        "inputs": {"parameters": {name: {"stringValue": value} for name, value in values.items()}},
        "outputs": {"outputFile": str(output_file)},
    }
    command = [
        sys.executable, "-m", "components.task_entry",
        "--executor_class_path", "components.run_reporter.executor.Executor",
        "--json_serialized_invocation_args", json.dumps(invocation), "--labels=w2v2-run={{$.pipeline_job_name}}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert output_file.is_file()
    assert f'"run": "{RUN}"' in done.stderr
