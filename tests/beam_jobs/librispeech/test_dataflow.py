"""The job on Dataflow, by flags alone, against a service on the loopback that runs the staged pipeline in workers."""

import json
import re

import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

from beam_jobs import cloud_storage, engines, places
from beam_jobs import dataflow as dataflow_jobs
from beam_jobs.librispeech import IngestSettings, inspect_corpus
from beam_jobs.librispeech.__main__ import main
from beam_jobs.librispeech.ingest import ingest
from model.errors import DataError, TryAgainError, UsageError
from model.progress import EVENTS_VARIABLE
from model.speech_progress import SpeechProgress

pytestmark = [
    # Of connections that Beam's client leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SETTINGS = IngestSettings(num_shards_per_split=2)


@pytest.fixture
def corpus(make_corpus):
    return make_corpus({"train-a": ["101", "102"], "dev-a": ["103"], "test-a": ["104"]})


@pytest.fixture
def remote(corpus, bucket):
    cloud_storage.upload_tree(corpus, f"gs://{bucket.name}/data/LibriSpeech")
    return f"gs://{bucket.name}/data"


def content(place):
    return {entry.path: places.read_bytes(places.join(place, entry.path)) for entry in places.list_tree(place)}


def run(source, output, flags):
    return ingest(source, output, f"{output}.staging", SETTINGS, engines.pipeline_maker(flags))


def test_workers_with_the_staged_package_write_the_records_of_this_machine(remote, dataflow, tmp_path, monkeypatch):
    expected = ingest(remote, "gs://speech/expected", "gs://speech/other", SETTINGS)
    monkeypatch.setenv(EVENTS_VARIABLE, str(tmp_path / "events"))
    monkeypatch.setattr(dataflow_jobs, "WATCH_SECONDS", 0.2)
    info = run(remote, "gs://speech/out", dataflow.flags)
    assert dataflow.errors == {}
    assert info == expected
    assert content("gs://speech/out") == content("gs://speech/expected")
    assert places.list_tree("gs://speech/out.staging") == []
    progress = SpeechProgress()
    monkeypatch.delenv(EVENTS_VARIABLE)
    for line in (tmp_path / "events").read_text().splitlines():
        progress.add(json.loads(line))
    assert (progress.done, progress.total) == (12, 12)
    assert "0 rejected" in progress.words()


def test_the_command_takes_dataflows_flags(remote, dataflow, capsys):
    assert main(["--corpus", remote, "--output", "gs://speech/out", *dataflow.flags]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 12
    (job,) = dataflow.jobs
    assert job["type"] == "JOB_TYPE_BATCH"


def graph(dataflow, source, flags=()):
    """The description and the staged pipeline of a job that does nothing."""
    dataflow.run = lambda job: None
    with pytest.raises(
        DataError, match=r"must hold what was planned, and its plan is not there, gs://speech/out\.staging/"
    ):
        run(source, "gs://speech/out", [*dataflow.flags, *flags])
    return dataflow.jobs[-1], dataflow.pipeline_of(dataflow.jobs[-1])


def test_what_crosses_a_shuffle_is_references_and_never_sound(remote, dataflow):
    _, pipeline = graph(dataflow, remote)
    transforms = pipeline.components.transforms.values()
    names = {transform.unique_name for transform in transforms}
    labels = {"ReadReferences/ReadPart", "WritePlan/WriteFile", "WriteShards/GroupByShard", "WriteShards/WriteShard"}
    assert labels <= names
    # Two are composites of Beam's own.
    own = [name for name in names if not name.startswith(("Parts/", "WritePlan/CollectParts/"))]
    assert not [name for name in own if "lambda" in name]
    primitives = [one for one in transforms if not one.subtransforms]
    made_by = {output: one.unique_name for one in primitives for output in one.outputs.values()}
    shuffled = {
        one.unique_name: [made_by[name] for name in one.inputs.values()]
        for one in transforms
        if one.spec.urn == common_urns.primitives.GROUP_BY_KEY.urn
    }
    assert shuffled["WriteShards/GroupByShard"] == ["ReadReferences/ReadPart/ParDo(_ReadPart)"]
    assert all(name.startswith(("WriteShards/GroupByShard", "Parts/", "WritePlan/CollectParts/")) for name in shuffled)
    # Whoever hears sound gives its counts to nobody: they lie beside the shard.
    read = {name for one in transforms for name in one.inputs.values()}
    (writing,) = (one for one in transforms if one.unique_name == "WriteShards/WriteShard")
    assert not read & set(writing.outputs.values())


def test_a_thousand_chapters_fit_into_a_job(make_corpus, dataflow, bucket):
    """The service takes descriptions of 10 MB; LibriSpeech has 5,831 chapters."""
    corpus = inspect_corpus(make_corpus({"train-a": ["101", "102"]}))
    job, pipeline = graph(dataflow, _remote_of(corpus, bucket, 2))
    few = pipeline.ByteSize()
    job, pipeline = graph(dataflow, _remote_of(corpus, bucket, 102))
    per_chapter = (pipeline.ByteSize() - few) / 100
    assert few + 5_831 * per_chapter < 2e6
    assert len(json.dumps(job)) < 100_000


def _remote_of(corpus, bucket, chapters):
    for number in range(chapters):
        speaker = str(1000 + number)
        bucket.blob(f"many/train-a/{speaker}/1/{speaker}-1-0000.flac").upload_from_string(b"x")
        bucket.blob(f"many/train-a/{speaker}/1/{speaker}-1.trans.txt").upload_from_string(f"{speaker}-1-0000 A\n")
    return "gs://speech/many"


def test_a_job_says_where_it_runs_and_what_its_workers_install(remote, dataflow):
    job, pipeline = graph(dataflow, remote, ["--max_num_workers=50", "--worker_machine_type=n2-standard-2"])
    assert re.fullmatch(r"ingest-[0-9a-f]{24}", job["name"])
    assert (job["projectId"], job["location"]) == ("speech-project", "europe-west4")
    (pool,) = (pool for pool in job["environment"]["workerPools"] if pool["kind"] == "harness")
    assert pool["machineType"] == "n2-standard-2"
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 50
    (environment,) = pipeline.components.environments.values()
    image = beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image
    assert re.search(r"beam_python3\.10_sdk:2\.74\.0$", image)
    (wheel,) = (name for name in dataflow.packages_of(job) if name.endswith(".whl"))
    assert re.fullmatch(r"w2v2_workers-[\d.]+\+[0-9a-f]{12}-py3-none-any\.whl", wheel)


def test_a_container_of_ones_own_gets_no_package(remote, dataflow):
    image = "europe-docker.example/speech/ingest@sha256:" + "0" * 64
    job, pipeline = graph(dataflow, remote, [f"--sdk_container_image={image}", "--sdk_location=container"])
    (environment,) = pipeline.components.environments.values()
    assert beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image == image
    assert not [name for name in dataflow.packages_of(job) if name.endswith(".whl")]


def test_the_places_of_workers_must_be_in_the_cloud(corpus, remote, dataflow, tmp_path):
    for source, output in ((str(corpus), "gs://speech/out"), (remote, str(tmp_path / "out"))):
        with pytest.raises(
            UsageError, match=r"must be in Cloud Storage, and /.* is on this machine; name a gs:// addr"
        ):
            run(source, output, dataflow.flags)
    assert dataflow.jobs == []


def test_a_worker_that_fails_is_told_in_a_sentence(remote, dataflow):
    def out_of_reach(job):
        raise RuntimeError(
            "Traceback (most recent call last):\n  File\nmodel.errors.TryAgainError: No answer. [while running 'x']"
        )

    dataflow.run = out_of_reach
    with pytest.raises(TryAgainError, match=r"^No answer\.$"):
        run(remote, "gs://speech/out", dataflow.flags)

    def crash(job):
        raise RuntimeError("Workflow failed. Causes: the zone has no machines.")

    dataflow.run = crash
    with pytest.raises(
        TryAgainError,
        match=r"must succeed, and the Dataflow job ingest-\w+ of speech-project in europe-west4 \(2026-1\) did not"
        r" \(Dataflow pipeline failed\. State: FAILED, Error: Workflow failed\. Causes: the zone has no machines\.",
    ):
        run(remote, "gs://speech/out", dataflow.flags)
    assert not places.is_directory("gs://speech/out")


def test_a_job_that_runs_already_is_not_started_again(remote, dataflow):
    dataflow.jobs.append({"id": "7", "name": "speech", "clientRequestId": "another"})
    dataflow.states["7"] = "JOB_STATE_RUNNING"
    with pytest.raises(
        TryAgainError, match=r"must not run twice .* the Dataflow job speech of speech-project .* is running"
    ):
        run(remote, "gs://speech/out", [*dataflow.flags, "--job_name=speech"])


def test_who_stops_waiting_is_told_that_the_job_goes_on(remote, dataflow, monkeypatch):
    from apache_beam.runners.dataflow.dataflow_runner import DataflowPipelineResult

    def interrupted(self, duration=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(DataflowPipelineResult, "wait_until_finish", interrupted)
    dataflow.run = lambda job: None  # what it does is not looked at
    with pytest.raises(
        TryAgainError, match=r"goes on; cancel it with `gcloud dataflow jobs cancel 2026-0 --region europe-west4`"
    ):
        run(remote, "gs://speech/out", dataflow.flags)


@pytest.mark.parametrize(
    ("status", "exit_code", "message"),
    [
        (403, 3, "must be allowed to create jobs on Dataflow in speech-project, europe-west4, and is not"),
        (404, 2, "must take the job, and refused it"),
        (400, 2, "must take the job, and refused it"),
        (409, 2, "must take the job, and refused it"),
    ],
)
def test_what_dataflow_answers_is_said(remote, dataflow, capsys, status, exit_code, message):
    dataflow.answers = [(status, "the reason")] * 5
    assert main(["--corpus", remote, "--output", "gs://speech/out", *dataflow.flags]) == exit_code
    said = capsys.readouterr().err.splitlines()[-1]
    assert message in said
    assert "the reason" in said


def test_a_service_that_goes_away_is_told_and_the_job_goes_on(remote, dataflow, monkeypatch):
    from apache_beam.runners.dataflow.internal import apiclient

    def gone(self, job_id):
        raise OSError("connection refused")

    # Beam asks in a thread, and a thread that dies warns.
    monkeypatch.setattr("threading.excepthook", lambda arguments: None)
    monkeypatch.setattr(apiclient.DataflowApplicationClient, "get_job", gone)
    dataflow.run = lambda job: None  # what it does is not looked at
    with pytest.raises(TryAgainError, match=r"Dataflow did not answer \(.*\), and the Dataflow job .* goes on; cancel"):
        run(remote, "gs://speech/out", dataflow.flags)


def test_nothing_is_downloaded_for_a_job_that_cannot_run(dataflow, tmp_path, capsys, monkeypatch):
    from beam_jobs.librispeech import job

    monkeypatch.setattr(job, "obtain_corpus", lambda *_: pytest.fail("it must not be called"))
    downloads = ("--downloads", str(tmp_path / "corpora"))
    assert main(["--corpus", "test-clean", "--output", "gs://speech/out", *downloads, *dataflow.flags]) == 2
    assert f"and {tmp_path}/corpora is on this machine" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("x")
    assert main(["--corpus", "test-clean", "--output", str(tmp_path / "mine")]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert main(["--corpus", "test-clean", "--output", str(tmp_path / "mine" / "novel.txt" / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
