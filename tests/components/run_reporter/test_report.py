"""What is said of a run that has ended."""

import json
import os

import pytest

from components.run_reporter.report import RunReport, report_of
from model.errors import DataError

RUN = "smoke-synthetic-20260101000000"
RESOURCE = f"projects/123/locations/europe-west4/pipelineJobs/{RUN}"
FAILED = "The DAG failed because some tasks failed. The failed tasks are: [Transform, Trainer].; Job (project_id = x)"


def report(status, run_dir):
    return report_of(json.dumps(status), str(run_dir), "smoke-synthetic", "my-project", "europe-west4", "WEREvaluator")


def judge(run_dir, verdict, number=1):
    evaluation = run_dir / f"WEREvaluator_{number}" / "evaluation"
    evaluation.mkdir(parents=True)
    (evaluation / "gate.json").write_text(json.dumps({"verdict": verdict}))


def test_a_run_that_judged_a_model_tells_the_verdict_and_where_its_report_is(tmp_path):
    (tmp_path / "StatisticsGen_9").mkdir()
    (tmp_path / "WEREvaluator_0").mkdir()  # a try that failed
    judge(tmp_path, "NEEDS_REVIEW")
    told, problem = report({"state": "SUCCEEDED", "pipelineJobResourceName": RESOURCE}, tmp_path)
    assert problem == ""
    assert told == RunReport(
        pipeline="smoke-synthetic",
        run=RUN,
        state="SUCCEEDED",
        verdict="NEEDS_REVIEW",
        links={
            "run": "https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines/runs/"
            f"{RUN}?project=my-project",
            "report": f"{tmp_path}/WEREvaluator_1/evaluation/report.html",
        },
    )
    assert told.needs_attention
    assert told.subject == f"smoke-synthetic: NEEDS_REVIEW ({RUN})"
    assert told.text.splitlines()[:2] == [f"Run {RUN} of smoke-synthetic ended well.", "The gate says NEEDS_REVIEW."]
    assert told.to_json()["verdict"] == "NEEDS_REVIEW"


def test_the_last_of_several_tries_is_told_whatever_their_directories_are_called(tmp_path):
    for number, (name, verdict) in enumerate([("-7712", "ACCEPT"), ("-99", "NEEDS_REVIEW")]):
        gate = tmp_path / name / "evaluation" / "gate.json"
        gate.parent.mkdir(parents=True)
        gate.write_text(json.dumps({"verdict": verdict}))
        os.utime(gate, (number, number))
    assert report({"state": "SUCCEEDED"}, tmp_path)[0].verdict == "NEEDS_REVIEW"
    judge(tmp_path, "REJECT")
    os.utime(tmp_path / "WEREvaluator_1" / "evaluation" / "gate.json", (0, 0))
    assert report({"state": "SUCCEEDED"}, tmp_path)[0].verdict == "REJECT"


def test_a_run_that_failed_tells_where_and_why(tmp_path):
    status = {"state": "FAILED", "error": {"code": 9, "message": FAILED}, "pipelineJobResourceName": RESOURCE}
    told, _ = report(status, tmp_path / RUN)
    assert told.failed_nodes == ("Transform", "Trainer")
    assert told.verdict is None
    assert set(told.links) == {"run"}
    assert told.text.startswith(f"Run {RUN} of smoke-synthetic failed in Transform, Trainer.\n{FAILED}\n")
    assert told.subject == f"smoke-synthetic: FAILED ({RUN})"
    long, _ = report({"state": "FAILED", "error": {"message": "x" * 900}}, tmp_path / RUN)
    assert (len(long.message), long.failed_nodes, long.run) == (501, (), RUN)


@pytest.mark.parametrize(
    ("state", "verdict", "needs"),
    [
        ("SUCCEEDED", "ACCEPT", False),
        ("SUCCEEDED", None, False),
        ("SUCCEEDED", "REJECT", True),
        ("CANCELLED", None, True),
    ],
)
def test_who_has_to_look(state, verdict, needs):
    assert RunReport("p", "r", state, verdict=verdict).needs_attention is needs


def test_what_cannot_be_read_of_a_gate_does_not_keep_the_report_back(tmp_path):
    judge(tmp_path, "ACCEPT")
    (tmp_path / "WEREvaluator_1" / "evaluation" / "gate.json").write_text("half")
    told, problem = report({"state": "SUCCEEDED"}, tmp_path)
    assert told.verdict is None
    assert problem.startswith("JSONDecodeError")


def test_the_files_are_found_in_cloud_storage(bucket):
    bucket.blob("w2v2/12/run-1/WEREvaluator_7/evaluation/gate.json").upload_from_string('{"verdict": "REJECT"}')
    told, problem = report({"state": "SUCCEEDED"}, "gs://speech/w2v2/12/run-1")
    assert (told.verdict, problem, told.run) == ("REJECT", "", "run-1")
    assert told.links["report"] == (
        "https://storage.cloud.google.com/speech/w2v2/12/run-1/WEREvaluator_7/evaluation/report.html"
    )


@pytest.mark.parametrize("status", ["", "[]", "{}", "null"])
def test_a_status_that_is_none_is_said(status, tmp_path):
    with pytest.raises(DataError, match="must be the JSON of a PipelineTaskFinalStatus, and is"):
        report_of(status, str(tmp_path), "p", "p", "r", "WEREvaluator")
