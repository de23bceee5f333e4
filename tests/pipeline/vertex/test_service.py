"""The service of Vertex AI, asked by Google's client library, and how it can fail."""

import pytest
from google.auth import exceptions as auth_exceptions

from model.errors import DataError, TryAgainError, UsageError
from pipeline.vertex.service import VertexService
from tests.fake_vertex import BILLING_LABEL, LOST

PARENT = "projects/speech-team/locations/us-central1"
LABELS = {"submission": "8c1d"}
JOB = {"displayName": "local", "labels": LABELS, "pipelineSpec": {"pipelineInfo": {"name": "local"}, "retries": 2}}


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def service(vertex, pauses):
    return VertexService("speech-team", "us-central1", sleep=pauses.append)


def created(vertex):
    return [path for method, path in vertex.requests if method == "POST" and "pipelineJobId" in path]


def test_a_job_is_started_under_its_id_with_what_it_was_given(vertex, service):
    answer = service.submit("local-1", JOB)
    assert answer["name"] == f"{PARENT}/pipelineJobs/local-1"
    assert answer["state"] == "PIPELINE_STATE_PENDING"
    (stored,) = vertex.stored["pipelineJobs"].values()
    assert stored["displayName"] == "local"
    assert stored["labels"] == {**LABELS, BILLING_LABEL: "1"}
    assert stored["pipelineSpec"] == JOB["pipelineSpec"]
    assert service.job("local-1")["labels"] == stored["labels"]


@pytest.mark.parametrize(
    "faults", [[LOST], [(503, "Unavailable.")], [(429, "Quota exceeded."), LOST], [LOST, LOST, LOST]], ids=str
)
def test_a_submission_that_fails_in_the_middle_starts_one_job(vertex, service, pauses, faults):
    vertex.faults = list(faults)
    answer = service.submit("local-1", JOB)
    assert answer["name"] == f"{PARENT}/pipelineJobs/local-1"
    assert list(vertex.stored["pipelineJobs"]) == [f"{PARENT}/pipelineJobs/local-1"]
    assert len(created(vertex)) == len(faults) + 1
    assert pauses == [1.0, 4.0, 10.0][: len(faults)]


def test_a_job_of_this_id_by_somebody_else_is_not_taken_for_ours(vertex, service):
    VertexService("speech-team", "us-central1").submit("local-1", {**JOB, "labels": {"submission": "other"}})
    with pytest.raises(UsageError, match="refused to start the pipeline job local-1 .*already exists"):
        service.submit("local-1", JOB)
    # Not even when the first answer was lost, and the second says that there is one.
    vertex.faults = [(503, "Unavailable.")]
    with pytest.raises(UsageError, match="already exists"):
        service.submit("local-1", JOB)


def test_a_service_that_does_not_answer_is_asked_four_times(vertex, service, pauses):
    vertex.faults = [(503, "The service is away.")] * 4
    with pytest.raises(
        TryAgainError, match="Vertex AI in speech-team, us-central1 must start .*The service is away"
    ) as error:
        service.submit("local-1", JOB)
    assert "Whether local-1 was started is not known" in str(error.value)
    assert pauses == [1.0, 4.0, 10.0]
    assert not vertex.stored["pipelineJobs"]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(vertex, service, pauses, status):
    service.submit("local-1", JOB)
    vertex.faults = [(status, "Not now.")]
    assert service.job("local-1")["displayName"] == "local"
    assert pauses == [1.0]


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (
            (403, "Permission aiplatform.pipelineJobs.create denied."),
            DataError,
            "must be allowed to start .*denied.*Vertex AI User",
        ),
        ((401, "Unknown caller."), UsageError, "the environment has no credentials that it takes; sign in"),
        ((404, "Project speech-team not found."), UsageError, "look at the project, the region and the name"),
        ((400, "Image us/x:y does not exist."), UsageError, "refused to start .*Image us/x:y does not exist"),
    ],
)
def test_what_the_service_refuses_is_said_at_once(vertex, service, pauses, fault, error, message):
    vertex.faults = [fault]
    with pytest.raises(error, match=message):
        service.submit("local-1", JOB)
    assert pauses == []
    assert not vertex.stored["pipelineJobs"]


def test_an_id_that_the_service_does_not_take_is_refused(service):
    with pytest.raises(UsageError, match="Invalid pipeline job id 'Local_1'"):
        service.submit("Local_1", JOB)


def test_jobs_are_found_by_their_labels_page_by_page_the_newest_first(vertex, service):
    for number in range(5):
        service.submit(f"local-{number}", {**JOB, "labels": {"pipeline": "local", "submission": str(number)}})
    service.submit("other-1", {**JOB, "labels": {"pipeline": "other"}})
    names = [job["name"].rpartition("/")[2] for job in service.jobs({"pipeline": "local"})]
    assert names == [f"local-{number}" for number in (4, 3, 2, 1, 0)]
    assert [job["name"] for job in service.jobs({"pipeline": "local", "submission": "3"})] == [
        f"{PARENT}/pipelineJobs/local-3"
    ]


def test_a_job_and_its_training_are_cancelled(vertex, service):
    service.submit("local-1", JOB)
    name = f"{PARENT}/customJobs/7"
    vertex.stored["customJobs"][name] = {"name": name, "labels": LABELS, "state": "JOB_STATE_RUNNING"}
    service.cancel("local-1")
    (training,) = service.training_jobs(LABELS)
    service.cancel_training_job(training["name"])
    assert service.job("local-1")["state"] == "PIPELINE_STATE_CANCELLING"
    assert vertex.stored["customJobs"][name]["state"] == "JOB_STATE_CANCELLING"


def test_a_job_that_nobody_started_is_said(service):
    with pytest.raises(UsageError, match="local-9 not found"):
        service.cancel("local-9")


def test_no_credentials_are_said(monkeypatch):
    def default(*_, **__):
        raise auth_exceptions.DefaultCredentialsError("none")

    monkeypatch.setattr("google.auth.default", default)
    with pytest.raises(UsageError, match="the environment has no credentials that it takes; sign in with `gcloud auth"):
        VertexService("speech-team", "us-central1")
