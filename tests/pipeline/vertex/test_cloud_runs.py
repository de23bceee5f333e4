"""Runs on Vertex AI as `w2v2 runs` and `w2v2 review` show them, against servers on the loopback."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from beam_jobs import places
from components.evaluation.blessing import PIPELINE_PROPERTY
from model.errors import DataError, UsageError
from pipeline.cli import app
from pipeline.vertex import blessings, publication, spec
from pipeline.vertex.cloud_runs import CloudRuns
from pipeline.vertex.cloud_workspace import CloudWorkspace
from tests.golden.vertex.make import GOLDEN
from tests.judged_on_vertex import PARENT, PIPELINE, ROOT, task
from tests.pipeline.vertex.smoke_on_vertex import get_config, vertex_settings


def w2v2(*arguments, workspace=ROOT):
    result = CliRunner().invoke(app, [*arguments, "--workspace", workspace, "--json"])
    return result.exit_code, json.loads(result.stdout)


def text_of(*arguments, workspace=ROOT):
    result = CliRunner().invoke(app, [*arguments, "--workspace", workspace])
    return result.exit_code, " ".join((result.stdout + result.stderr).split())


def test_a_run_has_the_form_of_a_local_one(judged_runs):
    run = judged_runs.add("ACCEPT")
    code, told = w2v2("runs")
    assert code == 0
    (entry,) = told["runs"]
    evaluation = f"{run.place}/WEREvaluator_2/evaluation"
    nodes = {node["id"]: node for node in entry.pop("nodes")}
    (first, second) = entry.pop("gates")
    assert (first["name"], second["verdict"]) == ("a", "PASS")
    assert entry == {
        "run_id": run.run_id,
        "pipeline": PIPELINE,
        "state": "COMPLETE",
        "message": "",
        "freed": "",
        "started": "2026-10-26T03:00:01+00:00",
        "seconds": 1800.5,
        "peak_memory_bytes": None,
        "verdict": "ACCEPT",
        "decision": None,
        "wer": {"test-a": 0.25},
        "measures": {"test-a": {"wer": 0.25, "cer": 0.1}},
        "reasons": entry["reasons"],
        "releases": {
            "onnx": {
                "path": f"{ROOT}/releases/wav2vec2-smoke/onnx/1", "version": "1", "digest": run.digest, "pushed": True,
                "reason": "Published as version 1.", "hubs": ["hf://team/smoke"],
            }
        },
        "report": f"{evaluation}/report.html",
        "report_link": f"{evaluation}/report.html".replace("gs://", "https://storage.cloud.google.com/"),
        "junit": None,
        "log": "https://console.cloud.google.com/vertex-ai/pipelines/locations/europe-west4/runs/"
        f"{run.run_id}?project=speech-tests",
    }  # fmt: skip
    assert {name: (node["state"], node["seconds"]) for name, node in nodes.items() if node["state"] != "NOT_RUN"} == {
        "LibriSpeechExampleGen": ("CACHED", 1),
        "Trainer": ("COMPLETE", 61),
        "ReleaseExporter": ("COMPLETE", 5),
        "LatestBlessedModel": ("COMPLETE", 10),
        "WEREvaluator": ("COMPLETE", 5),
        "OnnxPusher": ("COMPLETE", 5),
        "RunReporter": ("COMPLETE", 5),
    }
    assert nodes["WEREvaluator"]["artifacts"] == {
        "evaluation": [evaluation], "blessing": [f"{run.place}/WEREvaluator_2/blessing"],
    }  # fmt: skip
    assert next(iter(nodes)) == "LibriSpeechExampleGen"
    assert list(nodes)[-1] == "RunReporter"
    assert nodes["Transform"] == {"id": "Transform", "state": "NOT_RUN", "seconds": None, "artifacts": {}}


def test_runs_are_shown_to_people_the_newest_first(judged_runs, monkeypatch):
    first, second = judged_runs.add("ACCEPT"), judged_runs.add("REJECT", content="other")
    third = judged_runs.add("NEEDS_REVIEW", content="third")
    code, text = text_of("runs")
    assert code == 0
    assert text.index(third.run_id) < text.index(second.run_id) < text.index(first.run_id)
    assert "NEEDS REVIEW test-a 25.0 %" in text
    # The variable names the place as the option does.
    monkeypatch.setenv("W2V2_WORKSPACE", ROOT)
    result = CliRunner().invoke(app, ["review", "--json"])
    assert json.loads(result.stdout)["run_id"] == third.run_id


def test_a_review_tells_where_the_report_is_for_a_browser_too(judged_runs):
    run = judged_runs.add("NEEDS_REVIEW")
    code, text = text_of("review", run.run_id)
    assert code == 0
    place = f"{run.place}/WEREvaluator_2/evaluation/report.html".removeprefix("gs://")
    assert f"Report https://storage.cloud.google.com/{place} gs://{place}" in text
    assert "Console https://console.cloud.google.com/vertex-ai/pipelines/locations/europe-west4/runs/" in text
    assert "Log" not in text


def test_a_review_of_no_run_in_particular_is_of_the_newest_with_a_verdict(judged_runs):
    judged_runs.add("ACCEPT")
    run = judged_runs.add("REJECT", content="other")
    judged_runs.add("ACCEPT", content="third", jobDetail={"taskDetails": [task("Trainer", "RUNNING")]})
    assert w2v2("review")[1]["run_id"] == run.run_id


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("PENDING", "PENDING"), ("QUEUED", "PENDING"), ("RUNNING", "RUNNING"), ("CANCELLING", "RUNNING"),
        ("SUCCEEDED", "COMPLETE"), ("FAILED", "FAILED"), ("CANCELLED", "INTERRUPTED"),
    ],
)  # fmt: skip
def test_states_are_those_of_local_runs(judged_runs, state, shown):
    judged_runs.add("ACCEPT", state=f"PIPELINE_STATE_{state}", error={"message": "Why\nnot."})
    (run,) = w2v2("runs")[1]["runs"]
    assert (run["state"], run["message"]) == (shown, "Why not.")


def test_a_run_that_failed_has_the_node_that_did(judged_runs):
    details = [
        task("LibriSpeechExampleGen"),
        task("LatestBlessedModel-model-blessing-resolver"),
        task("LatestBlessedModel-model-resolver", "FAILED"),
        task("Trainer", "CANCELLED"),
        task("Transform", "RUNNING"),
        task("HubPusher", "NOT_TRIGGERED"),
    ]
    judged_runs.add("ACCEPT", jobDetail={"taskDetails": details}, state="PIPELINE_STATE_FAILED")
    (run,) = w2v2("runs")[1]["runs"]
    states = {node["id"]: node["state"] for node in run["nodes"]}
    assert [states[node] for node in ("LatestBlessedModel", "Trainer", "Transform", "HubPusher")] == [
        "FAILED", "INTERRUPTED", "RUNNING", "NOT_RUN",
    ]  # fmt: skip
    assert run["verdict"] is None
    assert "✗ LatestBlessedModel" in text_of("runs")[1]


def test_the_blessing_of_the_baseline_is_not_that_of_the_run(judged_runs):
    first, second = judged_runs.add("ACCEPT"), judged_runs.add("REJECT", content="other")
    details = second.job["jobDetail"]["taskDetails"]
    details.insert(0, task("LatestBlessedModel-model-blessing-resolver", model_blessing=first.blessing))
    (entry, _) = CloudRuns(CloudWorkspace(ROOT)).entries()
    assert entry.judged is not None
    assert entry.judged.blessing is not None
    assert entry.judged.blessing.uri == second.blessing["uri"]
    assert (entry.judged.release_digest, entry.verdict) == (second.digest, "REJECT")


def test_a_listing_without_tasks_is_completed(judged_runs, vertex, monkeypatch):
    run = judged_runs.add("ACCEPT")
    original = vertex._list

    def without_details(*arguments):
        status, told = original(*arguments)
        return status, {**told, "pipelineJobs": [{**one, "jobDetail": {}} for one in told["pipelineJobs"]]}

    monkeypatch.setattr(vertex, "_list", without_details)
    assert w2v2("runs")[1]["runs"][0]["verdict"] == "ACCEPT"
    assert ("GET", f"/v1/{PARENT}/pipelineJobs/{run.run_id}") in [(m, p.partition("?")[0]) for m, p in vertex.requests]


def test_an_output_whose_type_is_not_told_is_known_by_its_name(judged_runs):
    run = judged_runs.add("ACCEPT")
    for detail in run.job["jobDetail"]["taskDetails"]:
        detail["outputs"] = {
            key: {"artifacts": [{**one, "schemaTitle": ""} for one in listed["artifacts"]]}
            for key, listed in detail["outputs"].items()
        }
    (found,) = w2v2("runs")[1]["runs"]
    assert (found["verdict"], list(found["releases"])) == ("ACCEPT", ["onnx"])


def test_runs_of_the_same_name_below_another_root_are_others(judged_runs):
    judged_runs.add("ACCEPT", root="gs://speech/theirs")
    mine = judged_runs.add("ACCEPT")
    assert [run["run_id"] for run in w2v2("runs")[1]["runs"]] == [mine.run_id]


def test_pipelines_and_their_names(judged_runs, vertex):
    other = dataclasses.replace(get_config(), name="my_smoke", vertex=vertex_settings(region="us-central1"))
    CloudWorkspace(ROOT).write_record(other)
    first = judged_runs.add("ACCEPT")
    second = judged_runs.add("REJECT", pipeline="my_smoke-synthetic")
    job = vertex.stored["pipelineJobs"].pop(second.job["name"])
    job["name"] = job["name"].replace("europe-west4", "us-central1").replace("my_smoke", "my-smoke")
    vertex.stored["pipelineJobs"][job["name"]] = job
    assert [(run["run_id"], run["pipeline"]) for run in w2v2("runs")[1]["runs"]] == [
        (second.run_id.replace("_", "-"), "my_smoke-synthetic"),
        (first.run_id, PIPELINE),
    ]
    assert w2v2("review", "my-smoke")[1]["verdict"] == "REJECT"


def test_an_evaluation_that_is_gone_is_said_and_keeps_no_other_run_back(judged_runs):
    first, second = judged_runs.add("ACCEPT"), judged_runs.add("ACCEPT", content="other")
    places.remove(f"{second.place}/WEREvaluator_2/evaluation/gate.json")
    code, told = w2v2("runs")
    assert code == 0
    assert [(run["run_id"], run["verdict"]) for run in told["runs"]] == [
        (second.run_id, None), (first.run_id, "ACCEPT"),
    ]  # fmt: skip
    assert "An evaluation must hold gate.json and metrics.json" in told["runs"][0]["message"]
    assert told["runs"][0]["message"].endswith("; run again with vertex.enable_cache=False.")
    code, error = w2v2("review", second.run_id)
    assert code == 3
    assert "An evaluation must hold gate.json" in error["error"]


def test_looking_and_rejecting_import_neither_tfx_nor_tensorflow():
    script = (
        "import sys, pipeline.vertex.cloud_runs, pipeline.vertex.decide;"
        " print([name for name in ('tfx', 'tensorflow', 'apache_beam', 'kfp', 'ml_metadata') if name in sys.modules])"
    )
    command = [sys.executable, "-W", "ignore", "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_names_are_those_of_the_compiled_pipeline():
    assert publication._INNER_DAG == spec.INNER_DAG
    assert blessings._PIPELINE == PIPELINE_PROPERTY
    queries = json.loads(GOLDEN.read_text(encoding="utf-8"))["pipelineSpec"]["deploymentSpec"]["executors"]
    resolver = queries["LatestBlessedModel-model-blessing-resolver_executor"]["resolver"]
    wanted = resolver["outputArtifactQueries"]["model_blessing"]["filter"]
    assert f'schema_title="{blessings.SCHEMA_TITLE}"' in wanted
    assert f"metadata.{blessings._BLESSED}.number_value=1" in wanted


def test_no_runs_yet_is_said(judged_runs):
    assert w2v2("runs") == (0, {"runs": []})
    assert text_of("runs") == (0, f"There are no runs in {ROOT} yet; begin one with w2v2 vertex submit.")
    code, error = w2v2("review")
    assert code == 2
    assert f"No run in {ROOT} has evaluated a model yet; run one first with w2v2 vertex submit." in error["error"]


@pytest.mark.parametrize("command", [("runs",), ("review",), ("reject", "smoke", "--reason", "It stammers.")])
def test_a_place_without_a_record_is_said(judged_runs, command):
    code, error = w2v2(*command, workspace="gs://speech/elsewhere")
    assert code == 2
    assert "must be the vertex.pipeline_root of a pipeline that was started on Vertex AI" in error["error"]
    assert "gs://speech/elsewhere/vertex/<pipeline>.json, and gs://speech/elsewhere has none" in error["error"]


def test_a_bucket_that_there_is_not_is_said(judged_runs):
    code, error = w2v2("runs", workspace="gs://nowhere-at-all/w2v2")
    assert code == 2
    assert "There is no bucket for gs://nowhere-at-all/w2v2/vertex" in error["error"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"strange": 1}', b"\xff"])
def test_a_record_that_was_damaged_is_said(judged_runs, content):
    places.write_bytes(f"{ROOT}/vertex/{PIPELINE}.json", content)
    code, error = w2v2("runs")
    assert code == 3
    assert f"must be as w2v2 vertex submit wrote it, and {ROOT}/vertex/{PIPELINE}.json is not" in error["error"]


def test_a_record_of_a_later_version_is_said(judged_runs):
    place = f"{ROOT}/vertex/{PIPELINE}.json"
    places.write_json(place, {**places.read_json(place), "format_version": 2})
    with pytest.raises(DataError, match="must have the format 1, and .* has 2; use the version of w2v2 that wrote it"):
        CloudWorkspace(ROOT).records()


def test_a_record_is_written_where_it_is_not_as_it_is_to_be(judged_runs):
    place = f"{ROOT}/vertex/{PIPELINE}.json"
    assert places.read_json(place) == {
        "project": "speech-tests", "region": "europe-west4", "pipeline": PIPELINE, "runner_name": PIPELINE,
        "task": "ctc", "format_version": 1,
    }  # fmt: skip
    before = places.stamps([place])
    CloudWorkspace(ROOT).write_record(get_config())
    assert places.stamps([place]) == before
    CloudWorkspace(ROOT).write_record(dataclasses.replace(get_config(), vertex=vertex_settings(region="us-east1")))
    assert places.read_json(place)["region"] == "us-east1"


def test_a_run_that_there_is_not_is_said(judged_runs):
    run = judged_runs.add("ACCEPT")
    code, error = w2v2("review", "other")
    assert code == 2
    assert f"No run in {ROOT} has an id that begins with 'other'; the newest is {run.run_id}" in error["error"]
    judged_runs.add("ACCEPT", content="other")
    with pytest.raises(UsageError, match="A run must be named by enough of its id"):
        CloudRuns(CloudWorkspace(ROOT)).find(PIPELINE)


def test_a_whole_id_is_enough_where_it_begins_another(judged_runs, vertex):
    run = judged_runs.add("ACCEPT")
    longer = {**run.job, "name": f"{run.job['name']}-2"}
    vertex.stored["pipelineJobs"][longer["name"]] = longer
    assert CloudRuns(CloudWorkspace(ROOT)).find(run.run_id).run_id == run.run_id


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        ([(403, "Permission denied.")], 3, "must be allowed to list pipeline jobs on Vertex AI in speech-tests"),
        ([(503, "Away.")] * 4, 75, "must list pipeline jobs, and did not, four times"),
        ([(404, "No such project.")], 2, "must know what is asked for, to list pipeline jobs"),
    ],
)
def test_a_service_that_does_not_tell_is_said(judged_runs, vertex, fault, code, message):
    vertex.faults = fault
    given, error = w2v2("runs")
    assert given == code
    assert message in error["error"]


@pytest.mark.parametrize(
    "command",
    [
        ("run",), ("doctor",), ("transcribe", "some.flac"),
        ("ingest", "--corpus", "dev-clean", "--output", "records"), ("evaluate", "tiny", "--corpus", "synthetic"),
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_commands_for_one_machine_refuse_a_place_in_the_cloud(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [*command, "--workspace", ROOT])
    said = " ".join((result.stdout + result.stderr).split())
    assert result.exit_code == 2, said
    assert "--workspace, or W2V2_WORKSPACE, must name a directory of this machine here" in said
    assert f"not {ROOT}; name a directory." in said
    assert list(tmp_path.iterdir()) == []
