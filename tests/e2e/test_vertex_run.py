"""The pipeline as it is compiled for Vertex AI, executed task by task: it must end as the local run does.

Nothing here is told that it is a test: the command line submits to Google's addresses, and the containers' commands run
with what their images have. What answers is a cloud on the loopback.
"""

import json
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from tests.loopback_cloud.cloud import loopback_cloud
from tests.loopback_cloud.pipeline_jobs import PipelineJobs
from tests.w2v2_command import W2V2, runs, states

pytestmark = pytest.mark.e2e

PROJECT, REGION, RUNS = "speech-tests", "europe-west4", "gs://speech/w2v2"
SECRET = f"projects/{PROJECT}/secrets/chat-webhook/versions/latest"
CONFIGURATION = f'''
import dataclasses

from components.run_reporter.settings import NotificationSettings
from pipeline.config import load_config
from pipeline.vertex.settings import ImageSettings, RetrySettings, TrainingJobSettings, VertexSettings


def image(name, digit):
    return f"{REGION}-docker.pkg.dev/{PROJECT}/w2v2/{{name}}@sha256:{{digit * 64}}"


def get_config():
    return dataclasses.replace(
        load_config("smoke"),
        vertex=VertexSettings(
            project="{PROJECT}",
            region="{REGION}",
            pipeline_root="{RUNS}",
            service_account="w2v2-runner@{PROJECT}.iam.gserviceaccount.com",
            images=ImageSettings(
                pipeline=image("pipeline", "1"),
                worker=image("beam-ingest", "2"),
                tfx_worker=image("beam-tfx", "3"),
                trainer=image("trainer", "4"),
            ),
            training=TrainingJobSettings("n2-standard-8"),
            retries=RetrySettings(beam=0),
            notifications=NotificationSettings(webhooks=("{SECRET}",)),
        ),
    )
'''
BEAM_NODES = {"LibriSpeechExampleGen", "StatisticsGen", "Transform", "WEREvaluator"}
PUSHERS = {"HubPusher", "OnnxPusher", "CheckpointPusher"}
CONTAINERS = BEAM_NODES | PUSHERS | {
    "SchemaGen", "ImportSchemaGen", "ExampleValidator", "CheckpointConverter", "Trainer", "ReleaseExporter",
    "RunReporter",
}  # fmt: skip
RESOLVERS = {"LatestBlessedModel-model-blessing-resolver", "LatestBlessedModel-model-resolver"}
ENTRY_POINT = ["python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"]
# The same, which puts in the name of the run should the service not have done so.
ENTRY_POINT_WITH_RUN = ["python", "-m", "components.task_entry"]


@pytest.fixture(scope="module")
def reports():
    """What a webhook was told, and its address."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format, *args):  # noqa: A002 — so http.server calls it
            """Requests are no news."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, reports):
    with loopback_cloud(tmp_path_factory.mktemp("cloud"), PROJECT, REGION, ["speech"]) as found:
        found.secrets.texts[SECRET] = reports[1]
        yield found


@pytest.fixture(scope="module")
def jobs(cloud, tmp_path_factory):
    return PipelineJobs(cloud, f"projects/{PROJECT}/locations/{REGION}", tmp_path_factory.mktemp("tasks"))


@pytest.fixture(scope="module")
def command(cloud, tmp_path_factory):
    """Calls `w2v2`, with the configuration of this module where no other options are given."""
    directory = tmp_path_factory.mktemp("configuration")
    file = directory / "mine.py"
    file.write_text(CONFIGURATION)

    def call(*arguments, code=0, options=("--config", str(file))):
        outside = {name: value for name, value in os.environ.items() if not name.startswith("W2V2_")}
        done = subprocess.run(
            [W2V2, *arguments, *options], capture_output=True, text=True, check=False, timeout=300,
            env={**outside, **cloud.environment, "COLUMNS": "200"}, cwd=directory,
        )  # fmt: skip
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done

    return call


@pytest.fixture(scope="module")
def submit(command, cloud):
    """Submits a run; returns the job as the service took it."""

    def call():
        known = set(cloud.vertex.stored["pipelineJobs"])
        command("vertex", "submit")
        (name,) = cloud.vertex.stored["pipelineJobs"].keys() - known
        return cloud.vertex.stored["pipelineJobs"][name]

    return call


@pytest.fixture(scope="module")
def first(submit, cloud, jobs):
    """The first run: its job and its tasks. The container that waits for the training is lost once."""

    def lose(name, number, process):
        if (name, number) == ("Trainer", 0):
            deadline = time.monotonic() + 120
            while not cloud.custom_jobs.commands and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.1)
            process.kill()

    jobs.watch = lose
    job = submit()
    tasks = jobs.execute(job)
    jobs.watch = lambda *_: None
    failed = {name: task.logs[-1].read_text()[-3000:] for name, task in tasks.items() if task.state == "FAILED"}
    training = [log.read_text()[-3000:] for log in cloud.custom_jobs.logs if "Trainer" in failed]
    assert not failed, "\n\n".join([*(f"{name}:\n{log}" for name, log in failed.items()), *training])
    return job, tasks


@pytest.fixture(scope="module")
def local(smoke_workspace):
    """The run on this machine: the directories of its artifacts, by node and output."""
    (run,) = runs(smoke_workspace)
    return {
        (node["id"], output): Path(place) for node in run["nodes"] for output, (place, *_) in node["artifacts"].items()
    }


@pytest.fixture(scope="module")
def remote(first, cloud):
    """Reads a file of an artifact of the first run."""
    _, tasks = first

    def read(node, output, path):
        return cloud.storage.read(f"{tasks[node].outputs[output]['uri']}/{path}")

    return read


def test_every_task_ran_in_its_image_by_the_entry_point_that_the_specification_has(first, cloud):
    job, tasks = first
    assert job["state"] == "PIPELINE_STATE_SUCCEEDED"
    assert {name: task.state for name, task in tasks.items()} == dict.fromkeys(CONTAINERS | RESOLVERS, "SUCCEEDED")
    run = job["name"].rpartition("/")[2]
    for name in CONTAINERS:
        for ran in tasks[name].commands:
            knows_run = name in BEAM_NODES | {"Trainer"}
            assert ran[:3] == (ENTRY_POINT_WITH_RUN if knows_run else ENTRY_POINT)
            assert "{{" not in " ".join(ran)
            assert (f"--labels=w2v2-run={run}" in ran) == (name in BEAM_NODES)
    assert cloud.refused == []
    assert {len(tasks[name].commands) for name in CONTAINERS - {"Trainer"}} == {1}
    assert all(tasks[name].commands == [] and tasks[name].outputs == {} for name in RESOLVERS)


def test_a_training_goes_on_when_the_container_that_waits_for_it_is_lost(first, cloud):
    _, tasks = first
    assert len(tasks["Trainer"].commands) == 2
    # One job, and what it wrote is at the address of the second try.
    ((_, custom_job),) = cloud.vertex.stored["customJobs"].items()
    assert custom_job["state"] == "JOB_STATE_SUCCEEDED"
    assert cloud.custom_jobs.images == ["trainer"]
    assert cloud.custom_jobs.commands[0][:3] == ["python", "-m", "tfx.scripts.run_executor"]
    assert custom_job["labels"]["w2v2-run"] == first[0]["name"].rpartition("/")[2]


def test_beam_ran_on_dataflow_with_the_worker_image_of_each_node(first, cloud):
    assert set(cloud.dataflow.states.values()) == {"JOB_STATE_DONE"}
    run = first[0]["name"].rpartition("/")[2]
    assert {job["labels"]["w2v2-run"] for job in cloud.dataflow.jobs} == {run}
    assert set(cloud.dataflow.images) == {"beam-ingest", "beam-tfx"}


def test_the_examples_are_those_of_the_local_run(first, cloud, local, remote):
    directory = local["LibriSpeechExampleGen", "examples"]
    shards = sorted(path.relative_to(directory).as_posix() for path in directory.glob("Split-*/*"))
    uri = first[1]["LibriSpeechExampleGen"].outputs["examples"]["uri"]
    assert [name for name in cloud.storage.names(uri) if name.startswith("Split-") and name[-1] != "/"] == shards
    for name in shards:
        assert remote("LibriSpeechExampleGen", "examples", name) == (directory / name).read_bytes()
    here, there = (
        json.loads(content)
        for content in (
            (directory / "dataset_info.json").read_bytes(),
            remote("LibriSpeechExampleGen", "examples", "dataset_info.json"),
        )
    )
    # When the corpus's files were written is all that differs.
    assert here["corpus"].pop("fingerprint") != there["corpus"].pop("fingerprint")
    assert there == here


def test_statistics_schemas_and_anomalies_are_those_of_the_local_run(local, remote):
    for split in ("train", "validation"):
        name = f"Split-{split}/FeatureStats.pb"
        here = statistics_pb2.DatasetFeatureStatisticsList.FromString(
            (local["StatisticsGen", "statistics"] / name).read_bytes()
        )
        there = statistics_pb2.DatasetFeatureStatisticsList.FromString(remote("StatisticsGen", "statistics", name))
        assert there.datasets[0].num_examples == here.datasets[0].num_examples > 0
        assert sorted(map(_path, there.datasets[0].features)) == sorted(map(_path, here.datasets[0].features))
        name = f"Split-{split}/SchemaDiff.pb"
        anomalies = anomalies_pb2.Anomalies.FromString(remote("ExampleValidator", "anomalies", name))
        assert dict(anomalies.anomaly_info) == {}
    for node in ("SchemaGen", "ImportSchemaGen"):
        assert remote(node, "schema", "schema.pbtxt") == (local[node, "schema"] / "schema.pbtxt").read_bytes()


def _path(feature):
    return ".".join(feature.path.step) or feature.name


def test_the_released_model_is_that_of_the_local_run_byte_for_byte(first, cloud, local, remote, smoke_workspace):
    here = json.loads((local["ReleaseExporter", "release"] / "RELEASE.json").read_bytes())
    there = json.loads(remote("ReleaseExporter", "release", "RELEASE.json"))
    assert there == here
    converted = local["CheckpointConverter", "model"]
    for path in (converted / "Format-Serving").iterdir():
        assert remote("CheckpointConverter", "model", f"Format-Serving/{path.name}") == path.read_bytes(), path.name
    published = {
        path.relative_to(smoke_workspace / "releases").as_posix(): path.read_bytes()
        for path in (smoke_workspace / "releases").rglob("*")
        if path.is_file()
    }
    names = [name for name in cloud.storage.names(f"{RUNS}/releases") if "/.claims/" not in name]
    assert names == sorted(published)
    # What names the evaluation, and so the clock.
    told = {"README.md", "HUB.md", "RELEASE.json"}
    for name in names:
        if name.rpartition("/")[2] not in told:
            assert cloud.storage.read(f"{RUNS}/releases/{name}") == published[name], name
    for node in PUSHERS:
        metadata = first[1][node].outputs["pushed_model"]["metadata"]
        assert metadata["pushed"] == 1
        assert metadata["pushed_destination"].startswith(f"{RUNS}/releases/wav2vec2-smoke/")
        assert metadata["release_digest"] == here["release_digest"]


def test_the_evaluation_is_that_of_the_local_run_but_for_the_clock(first, local, remote):
    directory = local["WEREvaluator", "evaluation"]
    assert remote("WEREvaluator", "evaluation", "utterances.jsonl") == (directory / "utterances.jsonl").read_bytes()
    here, there = (
        json.loads(content)
        for content in ((directory / "metrics.json").read_bytes(), remote("WEREvaluator", "evaluation", "metrics.json"))
    )
    # The clock, and what the corpus's files have for times.
    for metrics in (here, there):
        del metrics["speed"], metrics["corpus"]["fingerprint"], metrics["training"]["seconds"]
    assert there == here
    gates = [
        json.loads(content)
        for content in ((directory / "gate.json").read_bytes(), remote("WEREvaluator", "evaluation", "gate.json"))
    ]
    assert gates[0]["verdict"] == gates[1]["verdict"] == "ACCEPT"
    here, there = ({check["name"]: check["verdict"] for check in gate["checks"]} for gate in gates)
    assert there == here
    blessing = first[1]["WEREvaluator"].outputs["blessing"]["metadata"]
    assert (blessing["blessed"], blessing["w2v2_pipeline"]) == (1, "smoke-synthetic")
    assert blessing["current_model_id"] == first[1]["ReleaseExporter"].outputs["release"]["name"]
    assert remote("WEREvaluator", "blessing", "BLESSED") == b""


def test_the_end_of_the_run_is_reported(first, reports):
    told, _ = reports
    run = first[0]["name"].rpartition("/")[2]
    assert (told[0]["run"], told[0]["state"], told[0]["verdict"]) == (run, "SUCCEEDED", "ACCEPT")
    uri = first[1]["WEREvaluator"].outputs["evaluation"]["uri"]
    assert told[0]["links"]["report"] == f"https://storage.cloud.google.com/{uri.removeprefix('gs://')}/report.html"


def test_status_tells_of_every_task(first, command):
    run = first[0]["name"].rpartition("/")[2]
    told = json.loads(command("vertex", "status", run, "--json").stdout)
    assert told["state"] == "SUCCEEDED"
    assert {task["name"] for task in told["tasks"]} == CONTAINERS | RESOLVERS


def test_runs_and_review_tell_of_it_as_of_a_local_run(first, command, smoke_workspace):
    run = first[0]["name"].rpartition("/")[2]
    (here,) = runs(smoke_workspace)
    (there,) = json.loads(command("runs", "--json", options=("--workspace", RUNS)).stdout)["runs"]
    assert (there["run_id"], there["state"], there["verdict"]) == (run, "COMPLETE", "ACCEPT")
    assert there["wer"] == here["wer"]
    assert _verdicts(there) == _verdicts(here)
    assert states(there) == {**states(here), "RunReporter": "COMPLETE"}
    review = json.loads(command("review", run, "--json", options=("--workspace", RUNS)).stdout)
    assert review["verdict"] == "ACCEPT"
    assert [gate["name"] for gate in review["gates"]] == [gate["name"] for gate in here["gates"]]


def _verdicts(run):
    return [(gate["name"], gate["verdict"]) for gate in run["gates"]]


def test_a_second_run_is_served_from_the_cache_and_finds_the_first_model_to_compare_with(first, submit, cloud, jobs):
    released = cloud.storage.names(f"{RUNS}/releases")
    job = submit()
    tasks = jobs.execute(job)
    assert job["state"] == "PIPELINE_STATE_SUCCEEDED"
    ran = {name for name, task in tasks.items() if task.state == "SUCCEEDED"}
    assert ran == PUSHERS | RESOLVERS | {"WEREvaluator", "RunReporter"}
    assert {task.state for name, task in tasks.items() if name not in ran} == {"SKIPPED"}
    release = first[1]["ReleaseExporter"].outputs["release"]
    assert tasks["LatestBlessedModel-model-resolver"].outputs["model"]["name"] == release["name"]
    evaluation = tasks["WEREvaluator"].outputs
    assert evaluation["blessing"]["metadata"]["baseline_model_id"] == release["name"]
    metrics = json.loads(cloud.storage.read(f"{evaluation['evaluation']['uri']}/metrics.json"))
    assert metrics["baseline"]["same"] is True
    assert {tasks[node].outputs["pushed_model"]["metadata"]["pushed"] for node in PUSHERS} == {0}
    assert cloud.storage.names(f"{RUNS}/releases") == released


def test_a_model_that_a_person_rejects_is_no_baseline_any_more(first, command, jobs):
    resolvers = first[0]["pipelineSpec"]["deploymentSpec"]["executors"]
    query = resolvers["LatestBlessedModel-model-blessing-resolver_executor"]["resolver"]["outputArtifactQueries"]
    assert jobs.find(query["model_blessing"]["filter"])["metadata"]["blessed"] == 1
    run = first[0]["name"].rpartition("/")[2]
    command("reject", run, "--reason", "It stammers.", options=("--workspace", RUNS))
    assert jobs.find(query["model_blessing"]["filter"]) is None


def test_a_run_that_fails_ends_with_a_report_that_names_the_node(first, submit, cloud, jobs, reports):
    told, _ = reports
    job = submit()
    # The run reads a corpus that somebody takes away after it was submitted.
    inputs = job["pipelineSpec"]["components"]["tfx-dag"]["dag"]["tasks"]["LibriSpeechExampleGen"]["inputs"]
    corpus = inputs["parameters"]["corpus_root"]["runtimeValue"]["constantValue"]["stringValue"]
    for name in cloud.storage.names(corpus):
        del cloud.storage.buckets["speech"][f"{corpus.removeprefix('gs://speech/')}/{name}"]
    jobs.forget()
    tasks = jobs.execute(job)
    assert job["state"] == "PIPELINE_STATE_FAILED"
    states = {name: task.state for name, task in tasks.items()}
    assert states["LibriSpeechExampleGen"] == "FAILED"
    assert states["CheckpointConverter"] == "SUCCEEDED"
    assert states["Trainer"] == states["WEREvaluator"] == states["HubPusher"] == "NOT_TRIGGERED"
    assert states["RunReporter"] == "SUCCEEDED"
    assert (told[-1]["state"], told[-1]["failed_nodes"]) == ("FAILED", ["LibriSpeechExampleGen"])
    assert told[-1]["verdict"] is None
