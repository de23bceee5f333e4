"""The compiled pipeline: the same graph as on one machine, the same bytes each time, and all that TFX leaves out."""

import dataclasses
import getpass
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from beam_jobs import cloud_storage
from beam_jobs.engines import _options, _require_dataflow_flags
from beam_jobs.librispeech.settings import IngestSettings
from components.checkpoint_converter.settings import CheckpointSettings
from components.evaluation.blessing import PIPELINE_PROPERTY
from components.wer_evaluator.settings import EvaluationSettings
from model.alphabet import Alphabet
from model.beam_search import BeamSearchSettings
from model.errors import ConfigurationError, UsageError
from model.export.destinations.settings import PublicationSettings
from pipeline.config import CorpusConfig, load_config
from pipeline.nodes import FORMAT_BY_PUSHER, node_ids
from pipeline.vertex.compile import CompiledPipeline, compile_for_vertex
from pipeline.vertex.settings import DataflowSettings, RetrySettings, TrainingJobSettings
from tests.golden.vertex.make import GOLDEN, golden_text
from tests.pipeline.vertex.smoke_on_vertex import get_config, image, vertex_settings

REPOSITORY = Path(__file__).parents[3]
ENTRY = ["python", "-m", "components.task_entry"]
RESOLVERS = ("LatestBlessedModel-model-blessing-resolver", "LatestBlessedModel-model-resolver")


@pytest.fixture(scope="module")
def compiled() -> CompiledPipeline:
    return compile_for_vertex(get_config())


def tasks(job):
    return job["pipelineSpec"]["components"]["tfx-dag"]["dag"]["tasks"]


def container(job, node):
    return job["pipelineSpec"]["deploymentSpec"]["executors"][f"{node}_executor"]["container"]


def parameters(task):
    return {
        name: next(iter(value["runtimeValue"]["constantValue"].values()))
        for name, value in task["inputs"].get("parameters", {}).items()
        if "runtimeValue" in value
    }


def compile_with(**changes):
    return compile_for_vertex(dataclasses.replace(get_config(), vertex=vertex_settings(**changes))).job


def test_the_compiled_smoke_configuration_is_the_golden_one(compiled):
    told = "tests/golden/vertex/smoke.json is made by: .venv/bin/python -m tests.golden.vertex.make"
    assert golden_text(compiled.job) == GOLDEN.read_text(encoding="utf-8"), told


def test_the_same_input_gives_the_same_bytes(compiled):
    assert compile_for_vertex(get_config()).to_bytes() == compiled.to_bytes()
    assert compiled.to_bytes().endswith(b"}\n")
    assert compiled.sha256 == hashlib.sha256(compiled.to_bytes()).hexdigest()


def test_another_process_with_another_hash_seed_gives_the_same_bytes(compiled, tmp_path):
    output = tmp_path / "other.json"
    command = [
        sys.executable, "-m", "pipeline.cli", "vertex", "compile", "--json", "--output", str(output),
        "--config", str(REPOSITORY / "tests/pipeline/vertex/smoke_on_vertex.py"),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(REPOSITORY), "TZ": "Asia/Tokyo"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert output.read_bytes() == compiled.to_bytes()
    assert json.loads(done.stdout) == {
        "output": str(output),
        "pipeline": "smoke-synthetic",
        "sha256": compiled.sha256,
        "needs": [dataclasses.asdict(need) for need in compiled.needs],
    }


def test_the_service_can_read_it(compiled):
    job: Any = pipeline_spec_pb2.PipelineJob()
    json_format.ParseDict(compiled.job, job)
    spec: Any = pipeline_spec_pb2.PipelineSpec()
    json_format.ParseDict(compiled.job["pipelineSpec"], spec)
    policy = spec.components["tfx-dag"].dag.tasks["Trainer"].retry_policy
    assert (policy.max_retry_count, policy.backoff_duration.seconds, policy.backoff_factor) == (3, 60, 2.0)
    assert policy.backoff_max_duration.seconds == 3600
    assert job.runtime_config.gcs_output_directory == "gs://speech/w2v2/pipelines/smoke-synthetic"


@pytest.mark.parametrize("name", ["smoke", "pretrain_smoke"])
def test_it_is_the_pipeline_of_one_machine(name, tmp_path):
    """The same nodes, the same edges and the same properties, but for what has to be another thing there."""
    from pipeline.execution import compile_pipeline, graph_of
    from pipeline.graph import create_pipeline
    from pipeline.vertex.inputs import inputs_for
    from pipeline.vertex.sources import find_cloud_sources

    config = dataclasses.replace(load_config(name), vertex=vertex_settings(resources={}))
    assert config.vertex is not None
    job = compile_for_vertex(config).job
    found = inputs_for(config, config.vertex, find_cloud_sources(config, config.vertex))
    here = dataclasses.replace(found, metadata_path=str(tmp_path / "m.sqlite"), training_job=None, runner_name="")
    ir = compile_pipeline(create_pipeline(config, here), "20260101T000000Z-aaaa")

    def node_of(task):
        return "LatestBlessedModel" if task in RESOLVERS else task

    compiled = tasks(job)
    edges: dict[str, set[str]] = {node: set() for node in node_ids(config.train.task)}
    for task, content in compiled.items():
        used = [artifact["taskOutputArtifact"]["producerTask"] for artifact in artifacts(content).values()]
        assert set(used) <= {*content.get("dependentTasks", ()), RESOLVERS[0]}
        edges[node_of(task)] |= {node_of(before) for before in (*content.get("dependentTasks", ()), *used)}
    edges["LatestBlessedModel"].discard("LatestBlessedModel")
    assert {node: set(before) for node, before in graph_of(ir).items()} == edges

    for node in (one.pipeline_node for one in ir.nodes):
        name_ = node.node_info.id
        if name_ == "LatestBlessedModel":
            continue
        assert set(artifacts(compiled[name_])) == set(node.inputs.inputs)
        local = {key: value_of(value) for key, value in node.parameters.parameters.items()}
        there = parameters(compiled[name_])
        if name_ == "Trainer":
            custom = json.loads(there["custom_config"])
            of_the_job = {key: custom.pop(key) for key in list(custom) if key.startswith("ai_platform_")}
            assert set(of_the_job) == {
                "ai_platform_enable_vertex", "ai_platform_vertex_region", "ai_platform_training_args"
            }  # fmt: skip
            assert custom == json.loads(str(local.pop("custom_config")))
            del there["custom_config"]
        assert {key: as_compiled(value) for key, value in there.items()} == {
            key: as_compiled(value) for key, value in local.items()
        }
        assert set(job["pipelineSpec"]["components"][name_].get("outputDefinitions", {}).get("artifacts", {})) == set(
            node.outputs.outputs
        )


def artifacts(task):
    return task.get("inputs", {}).get("artifacts", {})


def value_of(parameter):
    value = parameter.field_value
    return getattr(value, value.WhichOneof("value"))


def as_compiled(value):
    """JSON texts are compared by what they say: one runner sorts the fields of a message, and the other does not."""
    try:
        return json.loads(value) if isinstance(value, str) else int(value)
    except ValueError:
        return value


def test_the_baseline_is_one_of_this_pipeline(compiled):
    resolver = compiled.job["pipelineSpec"]["deploymentSpec"]["executors"][f"{RESOLVERS[0]}_executor"]["resolver"]
    (query,) = resolver["outputArtifactQueries"].values()
    assert query["filter"] == (
        'schema_title="tfx.ModelBlessing" AND state=LIVE AND metadata.blessed.number_value=1'
        f' AND metadata.{PIPELINE_PROPERTY}.string_value="smoke-synthetic"'
    )
    # The evaluator writes that property with what it is given here.
    assert parameters(tasks(compiled.job)["WEREvaluator"])["pipeline_name"] == "smoke-synthetic"


def test_each_kind_of_node_has_its_retries():
    retries = RetrySettings(
        beam=1, training=2, evaluation=3, publication=4, other=0, report=5, backoff_seconds=7, backoff_factor=1.5,
        longest_backoff_seconds=70,
    )  # fmt: skip
    job = compile_with(retries=retries)
    found = {name: task.get("retryPolicy", {}).get("maxRetryCount") for name, task in tasks(job).items()}
    beam = dict.fromkeys(("LibriSpeechExampleGen", "StatisticsGen", "Transform"), 1)
    others = ("SchemaGen", "ImportSchemaGen", "ExampleValidator", "CheckpointConverter", "ReleaseExporter")
    assert found == {
        **beam, "Trainer": 2, "WEREvaluator": 3, **dict.fromkeys(FORMAT_BY_PUSHER, 4),
        **dict.fromkeys((*others, *RESOLVERS), None),
    }  # fmt: skip
    root = job["pipelineSpec"]["root"]["dag"]["tasks"]
    assert root["RunReporter"]["retryPolicy"] == {
        "maxRetryCount": 5, "backoffDuration": "7s", "backoffFactor": 1.5, "backoffMaxDuration": "70s"
    }  # fmt: skip
    assert "retryPolicy" not in root["tfx-dag"]


def test_the_exit_handler_reports_whatever_happens(compiled):
    root = compiled.job["pipelineSpec"]["root"]["dag"]["tasks"]
    reporter = root["RunReporter"]
    assert set(root) == {"tfx-dag", "RunReporter"}
    assert reporter["dependentTasks"] == ["tfx-dag"]
    assert reporter["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert reporter["inputs"]["parameters"]["final_status"] == {"taskFinalStatus": {"producerTask": "tfx-dag"}}
    assert reporter["cachingOptions"] == {"enableCache": False}
    assert parameters(reporter)["evaluator"] == "WEREvaluator"
    assert "components.run_reporter.executor.Executor" in container(compiled.job, "RunReporter")["args"]


def test_only_what_may_be_is_served_from_the_cache(compiled):
    def cached(job):
        return {name for name, task in tasks(job).items() if task.get("cachingOptions", {}).get("enableCache")}

    everything = set(tasks(compiled.job)) - set(RESOLVERS)
    assert cached(compiled.job) == everything - set(FORMAT_BY_PUSHER)
    assert cached(compile_with(enable_cache=False)) == set()
    assert cached(compile_with(corpus_may_change=True)) == everything - {*FORMAT_BY_PUSHER, "LibriSpeechExampleGen"}


def test_each_task_has_its_image_and_its_resources(compiled):
    executors = compiled.job["pipelineSpec"]["deploymentSpec"]["executors"]
    containers = {name: content["container"] for name, content in executors.items() if "container" in content}
    assert {content["image"] for content in containers.values()} == {image("pipeline", "1")}
    assert container(compiled.job, "WEREvaluator")["resources"] == {"cpuLimit": 8, "memoryLimit": 32}
    assert container(compiled.job, "ReleaseExporter")["resources"] == {"cpuLimit": 4, "memoryLimit": 16}
    assert all("resources" in content for content in containers.values())
    named = re.findall(r"[a-z0-9.-]+docker\.pkg\.dev/[^\"\\,}]+", compiled.to_bytes().decode())
    assert named
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", name) for name in named), named


def test_no_secret_and_no_path_of_this_machine_is_in_it(compiled, monkeypatch):
    monkeypatch.setenv("MAIL_SERVER", "smtps://user:hush-hush@mail.example.org:465")
    text = compile_for_vertex(get_config()).to_bytes().decode()
    for private in ("hush-hush", str(Path.home()), str(REPOSITORY), getpass.getuser() + "@", os.uname().nodename):
        assert private not in text, private
    absolute = re.findall(r"(?<![A-Za-z0-9:/}.>_-])/[A-Za-z0-9._-]+/[A-Za-z0-9._/-]*", text)
    assert absolute == []
    assert not re.search(r"(?i)password|BEGIN [A-Z ]*PRIVATE KEY|AIza[0-9A-Za-z_-]{35}|hf_[A-Za-z0-9]{20}", text)
    assert text == compiled.to_bytes().decode(), "nothing of the environment is in it"


def test_beam_runs_on_dataflow_with_flags_that_beam_takes():
    dataflow = DataflowSettings(
        "n2-standard-8", 5, 70, "regions/europe-west4/subnetworks/inner", public_addresses=False
    )
    job = compile_with(dataflow=dataflow)
    workers = {
        "LibriSpeechExampleGen": image("worker", "2"), "StatisticsGen": image("tfx-worker", "3"),
        "Transform": image("tfx-worker", "3"), "WEREvaluator": image("worker", "2"),
    }  # fmt: skip
    for node, worker in workers.items():
        flags = container(job, node)["args"][4:]
        _require_dataflow_flags(_options(flags))
        options = _options(flags).get_all_options(drop_default=True)
        told = ("runner", "project", "region", "machine_type", "max_num_workers", "disk_size_gb", "sdk_container_image")
        assert [options[name] for name in told] == [
            "DataflowRunner", "speech-tests", "europe-west4", "n2-standard-8", 5, 70, worker
        ]  # fmt: skip
        assert options["subnetwork"] == "regions/europe-west4/subnetworks/inner"
        assert options["use_public_ips"] is False
        assert options["service_account_email"] == "w2v2-runner@speech-tests.iam.gserviceaccount.com"
        assert "w2v2-run={{$.pipeline_job_name}}" in options["labels"]
        assert container(job, node)["command"] == ENTRY
    others = set(tasks(job)) - set(workers) - set(RESOLVERS)
    assert not any("Dataflow" in " ".join(container(job, node)["args"]) for node in others)
    assert {node for node in others if container(job, node)["command"] == ENTRY} == {"Trainer"}


def test_small_runs_need_neither_dataflow_nor_a_custom_job():
    job = compile_with(dataflow=None, training=None)
    direct = ["--direct_running_mode=in_memory", "--direct_num_workers=1"]
    assert container(job, "Transform")["args"][4:] == direct
    assert container(job, "Trainer")["args"][:2] == [
        "--executor_class_path", "tfx.components.trainer.executor.GenericExecutor"
    ]  # fmt: skip
    assert "ai_platform" not in parameters(tasks(job)["Trainer"])["custom_config"]


def test_the_training_is_a_custom_job_that_the_client_takes(compiled):
    from google.cloud.aiplatform_v1.types import CustomJob

    arguments = json.loads(parameters(tasks(compiled.job)["Trainer"])["custom_config"])["ai_platform_training_args"]
    assert arguments.pop("project") == "speech-tests"
    job = CustomJob(arguments)
    (pool,) = job.job_spec.worker_pool_specs
    assert pool.machine_spec.machine_type == "n1-standard-8"
    assert pool.machine_spec.accelerator_type.name == "NVIDIA_TESLA_T4"
    assert pool.container_spec.image_uri == image("trainer", "4")
    assert job.job_spec.service_account == "w2v2-runner@speech-tests.iam.gserviceaccount.com"
    assert job.job_spec.scheduling.timeout.total_seconds() == 168 * 3600
    assert dict(job.labels) == {"team": "speech", "w2v2-pipeline": "smoke-synthetic"}
    assert container(compiled.job, "Trainer")["args"][-1] == "--w2v2_run={{$.pipeline_job_name}}"
    slice_ = CustomJob({"job_spec": {"worker_pool_specs": [{"machine_spec": TrainingJobSettings(
        "ct5lp-hightpu-8t", tpu_topology="2x4").machine_spec}]}})  # fmt: skip
    assert slice_.job_spec.worker_pool_specs[0].machine_spec.tpu_topology == "2x4"


def test_the_labels_say_from_what_it_was_compiled(compiled):
    labels = compiled.job["labels"]
    assert {"team", "w2v2-pipeline", "w2v2-configuration", "w2v2-version", "w2v2-code"} <= set(labels)
    assert all(re.fullmatch(r"[a-z0-9_-]{1,63}", value) for value in labels.values())
    other = compile_with(retries=RetrySettings(beam=0))
    assert other["labels"]["w2v2-configuration"] != labels["w2v2-configuration"]
    assert other["labels"]["w2v2-code"] == labels["w2v2-code"]


def test_what_must_lie_in_cloud_storage_is_told(compiled):
    corpus, schema = compiled.needs
    assert (corpus.what, schema.what) == ("synthetic_corpus", "schema")
    assert parameters(tasks(compiled.job)["LibriSpeechExampleGen"])["corpus_root"] == corpus.address
    assert parameters(tasks(compiled.job)["ImportSchemaGen"])["schema_file"] == schema.address


def test_a_corpus_in_cloud_storage_is_looked_at_or_taken_as_it_will_be(bucket, make_corpus):
    corpus = make_corpus({"train-a": ["101", "102"], "dev-a": ["103"], "test-a": ["104"]})
    cloud_storage.upload_tree(corpus, f"gs://{bucket.name}/mine")
    config = get_config().with_sources("gs://speech/mine", None)
    seen = parameters(tasks(compile_for_vertex(config).job)["LibriSpeechExampleGen"])
    assert re.fullmatch(r"[0-9a-f]{64}", seen["corpus_fingerprint"])
    changing = dataclasses.replace(config, vertex=vertex_settings(corpus_may_change=True))
    compiled = compile_for_vertex(changing)
    assert parameters(tasks(compiled.job)["LibriSpeechExampleGen"])["corpus_fingerprint"] == ""
    assert [need.what for need in compiled.needs] == ["schema"]
    assert re.fullmatch(r"smoke-mine-[0-9a-f]{6}", compiled.name)


def test_a_name_with_an_underscore_is_another_on_vertex():
    name = compile_for_vertex(dataclasses.replace(get_config(), name="my_smoke"))
    assert name.name == "my-smoke-synthetic"
    assert parameters(tasks(name.job)["WEREvaluator"])["pipeline_name"] == "my_smoke-synthetic"
    for bad in ("1st", "a" * 40):
        with pytest.raises(ConfigurationError, match="must have a name of 48 characters at most, a letter first"):
            compile_for_vertex(dataclasses.replace(get_config(), name=bad))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: dataclasses.replace(config, vertex=None), r"must have vertex=VertexSettings\(…\), and 'smoke'"),
        (lambda config: config.with_sources("/data/speech", None), "--corpus must be 'synthetic', or .*'/data/speech'"),
        (lambda config: config.with_sources("dev-clean", None), "for a run on Vertex AI, not 'dev-clean'"),
        (lambda config: config.with_sources("gs://speech/a.tar.gz", None), "unpacked, gs://…, .*gs://speech/a.tar.gz"),
        (lambda config: config.with_sources(None, "/data/model"), "--checkpoint must be 'tiny', .*'/data/model'"),
        (
            lambda config: dataclasses.replace(config, publication=PublicationSettings("/data/releases")),
            "publication.destination must be gs://<bucket>/<prefix>, .*'/data/releases'",
        ),
        (
            lambda config: dataclasses.replace(
                config, checkpoint=dataclasses.replace(config.checkpoint, activations="a.npz")
            ),
            "checkpoint.activations must be left out",
        ),
        (
            lambda config: dataclasses.replace(
                config, checkpoint=CheckpointSettings("random", architecture="/data/config.json")
            ),
            "checkpoint.architecture must be one of .* '/data/config.json', which only this machine has",
        ),
        (
            lambda config: dataclasses.replace(
                config, evaluation=EvaluationSettings(beam_search=BeamSearchSettings(language_model="/data/lm.arpa"))
            ),
            "language_model must be a file in Cloud Storage, .*'/data/lm.arpa'",
        ),
    ],
)
def test_what_only_this_machine_has_is_refused(change, message):
    config = get_config()
    with pytest.raises(UsageError, match=message):
        compile_for_vertex(change(config))


def test_a_configuration_for_another_language_is_compiled():
    alphabet = Alphabet("αβγδε'", case="lower")
    config = dataclasses.replace(
        get_config(),
        corpus=CorpusConfig("gs://speech/greek/table.tsv"),
        ingest=IngestSettings(transcript_normaliser="unicode", alphabet=alphabet),
        checkpoint=CheckpointSettings("tiny", new_head=True),
        vertex=vertex_settings(corpus_may_change=True),
    )
    job = compile_for_vertex(config).job
    converter = parameters(tasks(job)["CheckpointConverter"])
    assert converter["new_head"] == "1"
    assert list(json.loads(converter["vocabulary"])) == ["<pad>", "<s>", "</s>", "<unk>", "|", *"αβγδε'"]
    settings = json.loads(parameters(tasks(job)["LibriSpeechExampleGen"])["settings"])
    assert settings["alphabet"] == {"letters": "αβγδε'", "case": "lower", "form": "NFC", "word_spaces": True}
