"""The exit handler as TFX's entry point of Vertex AI calls it."""

import json

import pytest
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from components.run_reporter.executor import run_dir_of, tell
from components.run_reporter.report import RunReport
from components.run_reporter.settings import MailSettings, NotificationSettings
from model.errors import TryAgainError, UsageError
from model.settings import to_json
from tests.components.run_reporter.test_channels import mail_server, webhook

ACCEPTED = RunReport("smoke-synthetic", "run-1", "SUCCEEDED", verdict="ACCEPT")


def test_it_reports_as_the_entry_point_of_the_service_calls_it(tmp_path, monkeypatch):
    run_dir = tmp_path / "123" / "run-1"
    gate = run_dir / "WEREvaluator_5" / "evaluation" / "gate.json"
    gate.parent.mkdir(parents=True)
    gate.write_text('{"verdict": "REJECT"}')
    invocation = pipeline_spec_pb2.ExecutorInput()
    invocation.outputs.output_file = str(run_dir / "RunReporter_6" / "executor_output.json")
    values = {
        "final_status": json.dumps({"state": "SUCCEEDED"}),
        "pipeline_name": "smoke-synthetic", "project": "my-project", "region": "europe-west4",
        "evaluator": "WEREvaluator",
        "notifications": to_json(NotificationSettings(("CHAT",), MailSettings("MAIL", "a@b.c", ("d@e.f",)))),
    }  # fmt: skip
    for name, value in values.items():
        invocation.inputs.parameters[name].string_value = value
    with webhook(200) as (port, got), mail_server() as (mail_port, mailed):
        monkeypatch.setenv("CHAT", f"http://127.0.0.1:{port}/")
        monkeypatch.setenv("MAIL", f"smtp://127.0.0.1:{mail_port}")
        kubeflow_v2_run_executor.main(
            kubeflow_v2_run_executor._parse_flags([
                "program",
                "--executor_class_path", "components.run_reporter.executor.Executor",
                "--json_serialized_invocation_args", as_json(invocation),
            ])
        )  # fmt: skip
    ((_, _, body),) = got
    assert (body["run"], body["state"], body["verdict"]) == ("run-1", "SUCCEEDED", "REJECT")
    assert b"Subject: smoke-synthetic: REJECT (run-1)" in mailed["data"]
    assert (run_dir / "RunReporter_6" / "executor_output.json").is_file()


@pytest.mark.parametrize(
    ("place", "run_dir"),
    [
        ("gs://b/w2v2/4711/run-1/RunReporter_6/.temp/RunReporter_6/", "gs://b/w2v2/4711/run-1"),
        ("gs://b/w2v2/run-1/-123/.temp/-123", "gs://b/w2v2/run-1"),
        ("gs://b/w2v2/run-1/tfx-dag_1/RunReporter_6/.temp/RunReporter_6", "gs://b/w2v2/run-1"),
        # Under another name it is the directory above that of the task.
        ("gs://b/w2v2/4711/run-2/RunReporter_6/.temp/RunReporter_6", "gs://b/w2v2/4711/run-2"),
    ],
)
def test_the_directory_of_the_run_is_the_one_with_its_name(place, run_dir):
    status = json.dumps({"pipelineJobResourceName": "projects/1/locations/europe-west4/pipelineJobs/run-1"})
    assert run_dir_of(place, status) == run_dir


def as_json(message):
    from google.protobuf import json_format

    return json_format.MessageToJson(message)


def test_who_does_not_answer_at_once_is_asked_again(monkeypatch):
    with webhook(503, 503, 200) as (port, got):
        monkeypatch.setenv("CHAT", f"http://127.0.0.1:{port}/")
        tell(ACCEPTED, NotificationSettings(("CHAT",)), pause_seconds=0.0)
    assert len(got) == 3
    with webhook(503) as (port, got):
        monkeypatch.setenv("CHAT", f"http://127.0.0.1:{port}/")
        with pytest.raises(TryAgainError, match="HTTP 503"):
            tell(ACCEPTED, NotificationSettings(("CHAT",)), pause_seconds=0.0)
    assert len(got) == 3


def test_who_cannot_be_told_hinders_nobody_else(monkeypatch):
    with webhook(404) as (bad, refused), webhook(200) as (good, taken):
        monkeypatch.setenv("BAD", f"http://127.0.0.1:{bad}/")
        monkeypatch.setenv("GOOD", f"http://127.0.0.1:{good}/")
        with pytest.raises(
            UsageError, match=r"The webhook of BAD .*404\); .*\. NOWHERE must be set in the environment"
        ):
            tell(ACCEPTED, NotificationSettings(("BAD", "NOWHERE", "GOOD")), pause_seconds=0.0)
    assert (len(refused), len(taken)) == (1, 1)


def test_a_run_that_went_well_is_only_logged_where_that_is_wanted(monkeypatch):
    settings = NotificationSettings(("CHAT",), only_failures=True)
    with webhook(200) as (port, got):
        monkeypatch.setenv("CHAT", f"http://127.0.0.1:{port}/")
        tell(ACCEPTED, settings)
        assert got == []
        tell(RunReport("p", "run-2", "FAILED"), settings)
    assert [body["run"] for _, _, body in got] == ["run-2"]
