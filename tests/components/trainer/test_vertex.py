"""The training as a custom job: started once, waited for, and found again by the next attempt of its task."""

import contextlib
import json
import re
from typing import Any

import pytest
from google.auth import exceptions as auth_exceptions
from google.auth.credentials import AnonymousCredentials
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from components.trainer.custom_job import TrainingJobs
from components.trainer.vertex import RUN_FLAG, Executor, training_job
from components.vertex_client import ENDPOINT_VARIABLE, VertexClient
from model.errors import DataError, TryAgainError, UsageError, WorkerError
from tests.fake_vertex import LOST, FakeVertex

PARENT = "projects/my-project/locations/europe-west4"
LABELS = {"team": "speech", "w2v2-pipeline": "mine"}
JOB = training_job(
    "my-project", "europe-west4", "mine-training", LABELS, {"worker_pool_specs": [{"replica_count": "1"}]}
)
RUN = "mine-20260101000000"
AWAY = (503, "The service is away.")


class Training(FakeVertex):
    """The service; `states` are what a custom job is in at each question, the last for ever; `error` what it says."""

    def __init__(self):
        super().__init__()
        self.states, self.error = ["RUNNING", "SUCCEEDED"], ""

    def _create(self, kind, parent, query, body) -> Any:
        created: Any = super()._create(kind, parent, query, body)
        created[1]["state"] = "JOB_STATE_PENDING"
        return created

    def handle(self, method, path, body) -> Any:
        status, told = super().handle(method, path, body)
        if status == 200 and re.fullmatch(r"GET \S+/customJobs/\d+(\?\S*)?", f"{method} {path}"):
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            told |= {"state": f"JOB_STATE_{state}", "error": {"code": 9, "message": self.error}}
        return status, told

    @property
    def jobs(self):
        return list(self.stored["customJobs"].values())

    def asked(self, method):
        return [path for one, path in self.requests if one == method]


@pytest.fixture
def pauses(monkeypatch):
    waited = []
    monkeypatch.setattr(TrainingJobs.__init__, "__defaults__", (waited.append,))
    return waited


@pytest.fixture
def service(monkeypatch, pauses):
    training = Training()
    monkeypatch.setenv(ENDPOINT_VARIABLE, training.address)
    monkeypatch.setattr("google.auth.default", lambda *_, **__: (AnonymousCredentials(), "tests"))
    with contextlib.closing(training):
        yield training


def attempt(task=1, flags=(f"{RUN_FLAG}{RUN}",), root="gs://speech/w2v2/123/mine", steps=100):
    """Runs the executor, as the service does for each attempt of a task, which writes below `Trainer_<task>`."""
    examples, model, model_run = (
        standard_artifacts.Examples(),
        standard_artifacts.Model(),
        standard_artifacts.ModelRun(),
    )
    examples.uri = f"{root}/LibriSpeechExampleGen_1/examples"
    model.uri, model_run.uri = f"{root}/Trainer_{task}/model", f"{root}/Trainer_{task}/model_run"
    custom_config = json_utils.dumps({**JOB, "staging_dir": "gs://speech/staging", "steps": steps})
    executor = Executor(base_executor.BaseExecutor.Context(extra_flags=list(flags)))
    executor.Do(
        {"examples": [examples]}, {"model": [model], "model_run": [model_run]}, {"custom_config": custom_config}
    )


def test_a_job_is_started_with_the_label_of_its_run_and_waited_for(service, pauses):
    service.states = ["PENDING", "RUNNING", "RUNNING", "RUNNING", "RUNNING", "SUCCEEDED"]
    attempt()
    (job,) = service.jobs
    assert job["name"] == f"{PARENT}/customJobs/1"
    assert job["displayName"] == "mine-training"
    assert "encryptionSpec" not in job
    assert {name: value for name, value in job["labels"].items() if not name.startswith("tfx_")} == {
        **LABELS, "w2v2-run": RUN, "w2v2-work": job["labels"]["w2v2-work"]
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{63}", job["labels"]["w2v2-work"])
    command = job["jobSpec"]["workerPoolSpecs"][0]["containerSpec"]["command"]
    assert command[:5] == [
        "python", "-m", "tfx.scripts.run_executor",
        "--executor_class_path", "tfx.components.trainer.executor.GenericExecutor",
    ]  # fmt: skip
    properties = json.loads(command[command.index("--exec-properties") + 1])
    assert json_utils.loads(properties["custom_config"])["staging_dir"] == "gs://speech/staging"
    assert pauses == [5.0, 10.0, 20.0, 30.0, 30.0]


def test_the_name_of_a_run_is_a_label_however_long_and_odd(service):
    attempt(flags=[f"{RUN_FLAG}Smoke-20260101000000.x{'y' * 60}"])
    assert service.jobs[0]["labels"]["w2v2-run"] == f"smoke-20260101000000-x{'y' * 60}"[:63]


@pytest.mark.parametrize("flags", [(), (f"{RUN_FLAG}{{{{$.pipeline_job_name}}}}",)])
def test_without_the_name_of_its_run_a_job_is_neither_labelled_nor_looked_for(service, flags):
    attempt(flags=flags)
    attempt(flags=flags)
    assert [set(job["labels"]) & {"w2v2-run", "w2v2-work"} for job in service.jobs] == [set(), set()]
    assert not any("filter" in path for path in service.asked("GET"))
    service.faults = [AWAY]
    with pytest.raises(TryAgainError, match="must start the training, and did not \\(.*away"):
        attempt(flags=flags)


@pytest.mark.parametrize("state", ["QUEUED", "PENDING", "RUNNING", "PAUSED", "UPDATING"])
def test_a_second_attempt_waits_for_the_job_of_the_first(service, bucket, state):
    service.states = [state, "FAILED"]
    with pytest.raises(WorkerError):
        attempt()
    service.jobs[0]["state"] = f"JOB_STATE_{state}"
    service.states = [state, "SUCCEEDED"]
    attempt()
    assert len(service.jobs) == 1


def test_a_job_that_has_succeeded_is_taken(service, pauses):
    attempt()
    pauses.clear()
    attempt()
    assert len(service.jobs) == 1
    assert pauses == []


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"])
def test_a_job_that_has_not_succeeded_is_said_and_followed_by_a_new_one(service, state):
    service.states, service.error = [state], "Out of\nmemory."
    with pytest.raises(WorkerError, match=rf"customJobs/1 must succeed, and is {state} \(Out of memory\.\)"):
        attempt()
    service.states = ["SUCCEEDED"]
    attempt()
    assert [job["state"] for job in service.jobs] == [f"JOB_STATE_{state}", "JOB_STATE_SUCCEEDED"]


def test_a_job_that_runs_goes_before_one_that_has_ended(service):
    attempt()
    done = service.jobs[0]
    for number, state in ((8, "FAILED"), (9, "RUNNING"), (10, "CANCELLED")):
        name = f"{PARENT}/customJobs/{number}"
        service.stored["customJobs"][name] = {**done, "name": name, "state": f"JOB_STATE_{state}"}
    service.requests.clear()
    attempt()
    assert service.asked("POST") == []
    assert service.asked("GET")[-1].split("?")[0] == f"/v1/{PARENT}/customJobs/9"


def test_a_job_of_another_run_or_with_other_arguments_is_none_of_ours(service):
    attempt()
    attempt(flags=[f"{RUN_FLAG}mine-20260102000000"])
    attempt(steps=200)
    attempt(root="gs://speech/elsewhere")
    assert len(service.jobs) == 4
    assert len({job["labels"]["w2v2-work"] for job in service.jobs}) == 3


def test_what_the_job_of_an_earlier_attempt_has_written_is_copied_to_where_it_is_expected(service, bucket):
    attempt(task=1)
    for path in ("model/Format-Serving/saved_model.pb", "model/model_directory/config.json", "model_run/events"):
        bucket.blob(f"w2v2/123/mine/Trainer_1/{path}").upload_from_string(path)
    attempt(task=2)
    assert len(service.jobs) == 1
    for path in ("model/Format-Serving/saved_model.pb", "model/model_directory/config.json", "model_run/events"):
        assert bucket.blob(f"w2v2/123/mine/Trainer_2/{path}").download_as_text() == path


def test_an_answer_that_was_lost_starts_no_second_job(service, pauses):
    service.faults = [None, LOST]
    attempt()
    assert len(service.jobs) == 1
    assert pauses[0] == 10.0
    service.stored["customJobs"].clear()
    pauses.clear()
    service.faults = [None, AWAY, None, AWAY, None, LOST]
    attempt()
    assert len(service.jobs) == 1
    assert pauses[:3] == [10.0, 30.0, 60.0]


def test_waiting_survives_what_passes(service, pauses):
    service.faults = [None, None, AWAY, (429, "Quota."), LOST, (500, "Oops."), (504, "Late.")]
    attempt()
    assert len(service.jobs) == 1
    assert pauses == [5.0, 10.0, 20.0, 30.0, 30.0]  # The answer that was lost told that it runs.


def test_waiting_survives_a_metadata_server_that_does_not_answer(service, monkeypatch, pauses):
    attempted = 0
    asked = VertexClient.ask

    def without_token(self, request, purpose, *others):
        def failing():
            nonlocal attempted
            attempted += 1
            if attempted == 1:
                raise auth_exceptions.RefreshError("no token") from auth_exceptions.TransportError("metadata")
            return request()

        return asked(self, failing if purpose.startswith("tell of") else request, purpose, *others)

    monkeypatch.setattr(VertexClient, "ask", without_token)
    service.states = ["SUCCEEDED"]
    attempt()
    assert attempted == 2
    assert pauses == [5.0]


def test_a_service_that_stays_away_is_said_after_half_an_hour(service, pauses):
    service.faults = [None, None, *[AWAY] * 70]
    with pytest.raises(TryAgainError, match=r"must tell of projects/my-project/.*/customJobs/1, and did not \(.*away"):
        attempt()
    assert 1800.0 <= sum(pauses) < 1830.0


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (400, UsageError, "refused to start the training .*No such image"),
        (403, DataError, "must be allowed to start the training on Vertex AI in my-project, europe-west4, and is not"),
    ],
)
def test_what_the_service_refuses_is_said_at_once(service, pauses, status, error, message):
    service.faults = [None, (status, "No such image.")]
    with pytest.raises(error, match=message):
        attempt()
    assert pauses == []
    assert service.jobs == []


def test_a_job_that_is_gone_is_said(service):
    service.faults = [None, None, (404, "Not found.")]
    with pytest.raises(UsageError, match="must know what is asked for, to tell of projects/my-project"):
        attempt()


def test_without_another_address_google_is_asked(service, monkeypatch):
    monkeypatch.delenv(ENDPOINT_VARIABLE)
    transport = TrainingJobs("my-project", "europe-west4")._client.transport
    assert (transport.kind, transport.host) == ("rest", "https://europe-west4-aiplatform.googleapis.com")


def test_no_credentials_are_said(service, monkeypatch):
    def default(*_, **__):
        raise auth_exceptions.DefaultCredentialsError("none")

    monkeypatch.setattr("google.auth.default", default)
    with pytest.raises(UsageError, match="the environment has no credentials that it takes; sign in with `gcloud auth"):
        attempt()
