"""`w2v2 vertex submit`, `status`, `cancel` and `w2v2 schedule`, against servers on the loopback."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from beam_jobs import places
from model.errors import DataError
from pipeline import config as configuration
from pipeline.cli import app
from pipeline.config import load_config
from pipeline.vertex import preflight, submission
from pipeline.vertex.schedule_settings import ScheduleSettings
from pipeline.vertex.settings import ImageSettings
from tests.documented_code import pieces
from tests.pipeline.vertex.smoke_on_vertex import vertex_settings

DOCS = Path(__file__).parents[2] / "docs"
PARENT = "projects/speech-tests/locations/europe-west4"
MONDAYS = ScheduleSettings("0 3 * * 1", "Europe/Berlin")


@pytest.fixture
def cloud(vertex, running_dataflow, bucket, registry, monkeypatch):
    """All services, and the smoke configuration, which `config` changes, under the name `smoke`."""
    images = ImageSettings(*(registry.image(f"w2v2/{name}", digit) for name, digit in zip("abcd", "1234", strict=True)))
    monkeypatch.setattr(preflight, "_has", lambda found, region: found.name == "speech" and region == "europe-west4")
    settings = {"vertex": vertex_settings(images=images), "schedule": MONDAYS}

    def loaded(name):
        return dataclasses.replace(load_config(name), **settings)

    monkeypatch.setattr(configuration, "load_config", loaded)
    vertex.settings, vertex.registry, vertex.dataflow = settings, registry, running_dataflow
    return vertex


def run(*arguments):
    result = CliRunner().invoke(app, [*arguments, "--config", "smoke", "--json"])
    return result.exit_code, json.loads(result.stdout)


def told_in_text(*arguments):
    result = CliRunner().invoke(app, [*arguments, "--config", "smoke"])
    return result.exit_code, " ".join((result.stdout + result.stderr).split())


def test_a_run_is_started_with_all_that_it_needs(cloud):
    code, started = run("vertex", "submit")
    assert code == 0
    assert re.fullmatch(r"smoke-synthetic-\d{14}", started["run_id"])
    assert started["link"].endswith(f"/europe-west4/runs/{started['run_id']}?project=speech-tests")
    ((name, job),) = cloud.stored["pipelineJobs"].items()
    assert name == f"{PARENT}/pipelineJobs/{started['run_id']}"
    assert job["serviceAccount"] == "w2v2-runner@speech-tests.iam.gserviceaccount.com"
    assert job["labels"]["w2v2-pipeline"] == "smoke-synthetic"
    assert re.fullmatch(r"[0-9a-f]{32}", job["labels"]["w2v2-submission"])
    assert len(cloud.registry.asked) == 4
    # The schema and the corpus lie where the specification looks for them.
    spec = json.dumps(job["pipelineSpec"])
    (schema,) = [found.path for found in places.list_tree("gs://speech/w2v2/schema")]
    assert f"gs://speech/w2v2/schema/{schema}" in spec
    (marker,) = [
        found.path for found in places.list_tree("gs://speech/w2v2/corpora") if found.path.endswith(".complete")
    ]
    assert f"gs://speech/w2v2/corpora/{marker.removesuffix('.complete')}" in spec
    # What `w2v2 runs` must know lies there before the run is started, and it finds the run.
    assert places.is_file("gs://speech/w2v2/vertex/smoke-synthetic.json")
    result = CliRunner().invoke(app, ["runs", "--workspace", "gs://speech/w2v2", "--json"])
    assert [(one["run_id"], one["state"]) for one in json.loads(result.stdout)["runs"]] == [
        (started["run_id"], "PENDING")
    ]
    # A second run finds them there.
    before = {(found.path, found.modified_ns) for found in places.list_tree("gs://speech/w2v2")}
    cloud.stored["pipelineJobs"].clear()
    assert run("vertex", "submit")[0] == 0
    assert {(found.path, found.modified_ns) for found in places.list_tree("gs://speech/w2v2")} == before


def test_a_run_whose_record_cannot_be_written_is_not_started(cloud, monkeypatch):
    def refused(*_):
        raise DataError("Whoever runs this must be allowed to use gs://speech, and is not.")

    monkeypatch.setattr("pipeline.vertex.cloud_workspace.places.write_bytes", refused)
    monkeypatch.setattr(submission, "place_needs", lambda *_: [])
    code, error = run("vertex", "submit")
    assert (code, error["exit_code"]) == (3, 3)
    assert {method for method, _ in cloud.requests} == {"GET"}


def test_an_image_that_does_not_exist_is_found_before_anything_is_started(cloud):
    cloud.registry.images.clear()
    code, error = run("vertex", "submit")
    assert code == 2
    assert re.search(
        r"vertex.images.pipeline must be in its registry, and .*w2v2/a@sha256:1+ is not; build", error["error"]
    )
    assert cloud.requests == []


@pytest.mark.parametrize(
    ("status", "code", "message"), [(403, 3, "must be allowed to read"), (503, 75, "answered 503")]
)
def test_a_registry_that_does_not_tell_is_said(cloud, status, code, message):
    cloud.registry.status = status
    given, error = run("vertex", "submit")
    assert given == code
    assert message in error["error"]
    assert cloud.requests == []


def test_a_bucket_that_does_not_exist_is_found_before_anything_is_started(cloud):
    cloud.settings["vertex"] = dataclasses.replace(cloud.settings["vertex"], pipeline_root="gs://nowhere/w2v2")
    code, error = run("vertex", "submit")
    assert code == 2
    assert "must lie in a bucket that exists, and gs://nowhere does not; make it with `gcloud storage" in error["error"]
    assert cloud.requests == []


@pytest.mark.parametrize(
    ("location", "data_locations", "region", "has"),
    [
        ("EUROPE-WEST4", None, "europe-west4", True),
        ("US-CENTRAL1", None, "europe-west4", False),
        ("EU", None, "europe-west4", True),
        ("US", None, "europe-west4", False),
        ("EUR4", ["EUROPE-NORTH1", "EUROPE-WEST4"], "europe-west4", True),
        ("NAM4", ["US-CENTRAL1", "US-EAST1"], "us-west1", False),
    ],
)
def test_a_bucket_must_lie_where_the_run_is(location, data_locations, region, has):
    bucket = type("Bucket", (), {"location": location, "data_locations": data_locations})
    assert preflight._has(bucket, region) is has


def test_a_bucket_in_another_region_is_said(cloud, monkeypatch):
    monkeypatch.setattr(preflight, "_has", lambda *_: False)
    code, error = run("vertex", "submit")
    assert code == 2
    assert (
        "vertex.pipeline_root must lie in europe-west4, where the run is, and the bucket gs://speech" in error["error"]
    )
    assert cloud.requests == []


EARLIER = f"{PARENT}/pipelineJobs/smoke-synthetic-1"


@pytest.fixture
def earlier(cloud):
    """A run of the pipeline that a schedule has started, and that goes on."""
    job = {"name": EARLIER, "labels": {"w2v2-pipeline": "smoke-synthetic"}, "state": "PIPELINE_STATE_RUNNING"}
    cloud.stored["pipelineJobs"][EARLIER] = job
    return job


@pytest.mark.parametrize("command", [("vertex", "submit"), ("schedule", "run-now")])
def test_no_run_is_started_beside_one_that_has_not_ended(cloud, earlier, command):
    run("schedule", "apply")
    code, error = run(*command)
    assert code == 75
    assert error["error"] == (
        "Runs of a pipeline must not overlap, and smoke-synthetic-1 has not ended (RUNNING); wait for its end, end it"
        " with `w2v2 vertex cancel smoke-synthetic-1`, or start another beside it with --anyway."
    )
    newer = {**earlier, "name": f"{EARLIER}9", "state": "PIPELINE_STATE_CANCELLING"}
    cloud.stored["pipelineJobs"][newer["name"]] = newer
    assert "and smoke-synthetic-19 has not ended (CANCELLING, and 1 more); wait for its" in run(*command)[1]["error"]
    assert set(cloud.stored["pipelineJobs"]) == {EARLIER, newer["name"]}
    assert run(*command, "--anyway")[0] == 0
    assert len(cloud.stored["pipelineJobs"]) == 3


@pytest.mark.parametrize("change", [
    *({"state": f"PIPELINE_STATE_{state}"} for state in ("SUCCEEDED", "FAILED", "CANCELLED")),
    {"labels": {"w2v2-pipeline": "other"}},
])  # fmt: skip
def test_a_run_that_has_ended_or_is_of_another_pipeline_is_in_nobodys_way(cloud, earlier, change):
    run("schedule", "apply")
    earlier |= change
    assert run("schedule", "run-now")[0] == 0


def test_the_runs_and_the_tasks_of_one_are_shown(cloud):
    assert run("vertex", "status") == (0, {"runs": []})
    _, started = run("vertex", "submit")
    (job,) = cloud.stored["pipelineJobs"].values()
    job |= {
        "state": "PIPELINE_STATE_FAILED",
        "endTime": "2026-10-26T04:00:00Z",
        "error": {"code": 9, "message": "The DAG failed."},
        "jobDetail": {
            "taskDetails": [
                {
                    "taskName": "Trainer",
                    "state": "FAILED",
                    "startTime": "2026-10-26T03:20:00Z",
                    "error": {"message": "Out of\nmemory."},
                },
                {"taskName": "LibriSpeechExampleGen", "state": "SKIPPED", "startTime": "2026-10-26T03:10:00Z"},
                {"taskName": "tfx-dag", "state": "FAILED", "startTime": "2026-10-26T03:00:00Z"},
            ]
        },
    }
    _, listed = run("vertex", "status")
    assert [(one["run_id"], one["state"], one["error"]) for one in listed["runs"]] == [
        (started["run_id"], "FAILED", "The DAG failed.")
    ]
    _, shown = run("vertex", "status", started["run_id"])
    assert [(task["name"], task["state"], task["error"]) for task in shown["tasks"]] == [
        ("LibriSpeechExampleGen", "SKIPPED", ""),
        ("Trainer", "FAILED", "Out of memory."),
    ]
    code, text = told_in_text("vertex", "status", started["run_id"])
    assert code == 0
    assert "LibriSpeechExampleGen cached" in text
    assert "Out of memory." in text


def test_a_run_is_cancelled_with_its_training_and_its_dataflow_jobs(cloud):
    _, started = run("vertex", "submit")
    own, other = {"w2v2-run": started["run_id"]}, {"w2v2-run": "other"}
    for number, labels in enumerate((own, other)):
        name = f"{PARENT}/customJobs/{number}"
        cloud.stored["customJobs"][name] = {"name": name, "labels": labels, "state": "JOB_STATE_RUNNING"}
    cloud.dataflow.jobs = {"job-1": own, "job-2": other, "job-3": own}
    code, ended = run("vertex", "cancel", started["run_id"])
    assert code == 0
    assert ended == {"run": True, "training_jobs": [f"{PARENT}/customJobs/0"], "dataflow_jobs": ["job-1", "job-3"]}
    assert cloud.dataflow.cancelled == ["job-1", "job-3"]
    assert [job["state"] for job in cloud.stored["customJobs"].values()] == [
        "JOB_STATE_CANCELLING",
        "JOB_STATE_RUNNING",
    ]


def test_what_a_run_left_running_is_ended_after_its_end(cloud):
    _, started = run("vertex", "submit")
    (job,) = cloud.stored["pipelineJobs"].values()
    job["state"] = "PIPELINE_STATE_FAILED"
    cloud.dataflow.jobs = {"job-1": {"w2v2-run": started["run_id"]}}
    assert run("vertex", "cancel", started["run_id"]) == (
        0,
        {"run": False, "training_jobs": [], "dataflow_jobs": ["job-1"]},
    )


def test_the_logs_of_the_tasks_and_of_the_training_are_read(cloud, cloud_logging):
    _, started = run("vertex", "submit")
    assert run("vertex", "logs", started["run_id"]) == (0, {"lines": []})
    (job,) = cloud.stored["pipelineJobs"].values()
    job["jobDetail"] = {
        "taskDetails": [
            {
                "taskName": node,
                "startTime": f"2026-10-26T03:0{number}:00Z",
                "executorDetail": {"containerDetail": {"mainJob": f"{PARENT}/customJobs/{number}"}},
            }
            for number, node in enumerate(["LibriSpeechExampleGen", "Trainer"])
        ]
    }
    name = f"{PARENT}/customJobs/77"
    cloud.stored["customJobs"][name] = {"name": name, "labels": {"w2v2-run": started["run_id"]}}
    cloud_logging.write("0", textPayload="Writing shards\n", severity="INFO")
    cloud_logging.write("1", jsonPayload={"message": "Waiting for the training"}, severity="INFO")
    cloud_logging.write("77", textPayload="Step 100", severity="INFO")
    cloud_logging.write("5", textPayload="of somebody else")
    cloud_logging.write("77", textPayload="Out of memory", severity="ERROR")
    code, told = run("vertex", "logs", started["run_id"])
    assert code == 0
    assert [(line["node"], line["severity"], line["text"]) for line in told["lines"]] == [
        ("LibriSpeechExampleGen", "INFO", "Writing shards"),
        ("Trainer", "INFO", "Waiting for the training"),
        ("Trainer", "INFO", "Step 100"),
        ("Trainer", "ERROR", "Out of memory"),
    ]
    _, last = run("vertex", "logs", started["run_id"], "--node", "Trainer", "--lines", "2")
    assert [line["text"] for line in last["lines"]] == ["Step 100", "Out of memory"]
    code, error = run("vertex", "logs", started["run_id"], "--node", "Pusher")
    assert code == 2
    assert error["error"] == "--node must be one of LibriSpeechExampleGen, Trainer, not 'Pusher'."
    code, text = told_in_text("vertex", "logs", started["run_id"], "--node", "LibriSpeechExampleGen")
    assert code == 0
    assert text == "2026-10-26T03:00:00Z LibriSpeechExampleGen INFO Writing shards"


@pytest.mark.parametrize(("status", "code"), [(400, 2), (403, 3), (429, 75), (500, 75)])
def test_logs_that_are_refused_are_said(cloud, cloud_logging, status, code):
    _, started = run("vertex", "submit")
    name = f"{PARENT}/customJobs/77"
    cloud.stored["customJobs"][name] = {"name": name, "labels": {"w2v2-run": started["run_id"]}}
    cloud_logging.status = status
    given, error = run("vertex", "logs", started["run_id"])
    assert given == code
    assert "Cloud Logging in speech-tests" in error["error"]


@pytest.mark.parametrize(("status", "code"), [(400, 2), (403, 3), (500, 75)])
def test_dataflow_that_refuses_is_said(cloud, status, code):
    _, started = run("vertex", "submit")
    cloud.dataflow.status = status
    given, error = run("vertex", "cancel", started["run_id"])
    assert given == code
    assert "Dataflow in speech-tests, europe-west4" in error["error"]


def test_a_run_that_there_is_not_is_said(cloud):
    code, error = run("vertex", "cancel", "smoke-synthetic-1")
    assert code == 2
    assert "smoke-synthetic-1 not found" in error["error"]


def test_a_configuration_for_one_machine_is_told_what_it_lacks():
    result = CliRunner().invoke(app, ["schedule", "plan", "--config", "smoke", "--json"])
    assert result.exit_code == 2
    assert "A configuration for Vertex AI must have vertex=VertexSettings(…)" in json.loads(result.stdout)["error"]


def test_a_schedule_from_its_plan_to_its_end(cloud):
    code, planned = run("schedule", "plan")
    assert code == 0
    assert (planned["schedule"], planned["action"], planned["difference"]) == ("smoke-synthetic", "create", [])
    assert len(planned["next_times"]) == 5
    assert all(re.search(r"T03:00:00\+0[12]:00$", time) for time in planned["next_times"])
    assert cloud.stored["schedules"] == {}
    code, applied = run("schedule", "apply")
    assert code == 0
    assert list(cloud.stored["schedules"]) == [applied["name"]]
    assert places.list_tree("gs://speech/w2v2/schema")
    record = "gs://speech/w2v2/vertex/smoke-synthetic.json"
    assert places.read_json(record)["project"] == "speech-tests"
    # One that is gone is written again, although the schedule is as it shall be.
    places.remove(record)
    assert run("schedule", "apply")[1]["action"] == "nothing"
    assert places.is_file(record)
    assert run("schedule", "plan")[1]["action"] == "nothing"
    # Another time is changed in place: what it runs is the same.
    cloud.settings["schedule"] = ScheduleSettings("30 4 * * 2", "UTC")
    assert run("schedule", "plan")[1]["difference"] == ["cron: TZ=Europe/Berlin 0 3 * * 1 → TZ=UTC 30 4 * * 2"]
    assert run("schedule", "apply")[1]["name"] == applied["name"]
    # Another machine is not.
    cloud.settings["vertex"] = dataclasses.replace(cloud.settings["vertex"], labels={"team": "sound"})
    changed = run("schedule", "plan")[1]
    assert changed["action"] == "recreate"
    assert 'labels.team: "speech" → "sound"' in changed["difference"]
    anew = run("schedule", "apply")[1]["name"]
    assert list(cloud.stored["schedules"]) == [anew]
    assert run("schedule", "pause")[0] == 0
    (listed,) = run("schedule", "list")[1]["schedules"]
    assert (listed["displayName"], listed["state"], listed["cron"]) == (
        "smoke-synthetic",
        "PAUSED",
        "TZ=UTC 30 4 * * 2",
    )
    assert run("schedule", "resume")[0] == 0
    assert cloud.stored["schedules"][anew]["catchUp"] is False
    started = run("schedule", "run-now")[1]
    job = cloud.stored["pipelineJobs"][f"{PARENT}/pipelineJobs/{started['run_id']}"]
    assert job["labels"]["w2v2-schedule"] == "smoke-synthetic"
    assert run("schedule", "delete")[0] == 0
    assert cloud.stored["schedules"] == {}
    code, error = run("schedule", "pause")
    assert code == 2
    assert "There must be a schedule named 'smoke-synthetic', and there is none" in error["error"]


def test_a_plan_is_shown_to_people(cloud):
    code, text = told_in_text("schedule", "plan")
    assert code == 0
    assert "The schedule smoke-synthetic will be made." in text
    assert len(re.findall(r"Mon \d{4}-\d\d-\d\d 03:00 CES?T", text)) == 5


def test_the_schedule_of_the_page_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.py", "weekly.py"):
        Path(name).write_text(pieces("vertex.md")[name])
    config = load_config("weekly.py")
    assert config.schedule == ScheduleSettings("0 3 * * 1", "Europe/Berlin")
    assert config.vertex is not None


@pytest.mark.parametrize("group", ["vertex", "schedule"])
def test_the_page_names_every_command_and_no_other(group):
    typers: list[Any] = [one.typer_instance for one in app.registered_groups]
    groups = {one.info.name: one for one in typers}
    commands = {command.name for command in groups[group].registered_commands}
    named = re.findall(rf"^w2v2 {group} ([a-z|-]+)", (DOCS / "vertex.md").read_text(), re.MULTILINE)
    assert {name for names in named for name in names.split("|")} == commands


def test_a_configuration_without_a_time_is_told(cloud):
    cloud.settings["schedule"] = ScheduleSettings()
    code, error = run("schedule", "plan")
    assert code == 2
    assert "A schedule must say when it fires, and the configuration has none" in error["error"]
