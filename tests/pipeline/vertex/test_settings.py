"""The settings of Vertex AI: what is refused when they are made, and in which words."""

import dataclasses

import pytest

from components.run_reporter.settings import MailSettings, NotificationSettings
from model.errors import ConfigurationError
from model.settings import from_mapping, to_mapping
from model.training.settings import TrainingSettings
from pipeline.config import PipelineConfig, load_config
from pipeline.vertex.settings import (
    DataflowSettings,
    ImageSettings,
    NodeResources,
    RetrySettings,
    TrainingJobSettings,
    containers_of,
)
from tests.pipeline.vertex.smoke_on_vertex import get_config, image, vertex_settings

TPU = TrainingJobSettings("cloud-tpu", "TPU_V3", 8)


def test_the_settings_are_part_of_the_configuration_and_of_its_record():
    config = get_config()
    assert from_mapping(PipelineConfig, to_mapping(config)) == config
    assert from_mapping(PipelineConfig, to_mapping(load_config("smoke"))).vertex is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"project": "My Project"}, "vertex.project must be the id of a project, .*, not 'My Project'"),
        ({"region": "europe-west99"}, "vertex.region must be one of africa-south1, .*, not 'europe-west99'"),
        ({"pipeline_root": "/home/me"}, "vertex.pipeline_root must be gs://<bucket>/<prefix>, .*, not '/home/me'"),
        ({"pipeline_root": "gs://speech/"}, "without a slash at its end, not 'gs://speech/'"),
        ({"service_account": "me@example.org"}, "vertex.service_account must be .*, not 'me@example.org'"),
        ({"labels": {"Team": "x"}}, "vertex.labels must have .*, not 'Team': 'x'"),
        ({"labels": {"w2v2-run": "x"}}, "no key that begins with 'w2v2-', not 'w2v2-run': 'x'"),
        ({"region": "us-west1"}, None),
        ({"region": "europe-west6"}, "vertex.region must be one where NVIDIA_TESLA_T4 trains, .*, not 'europe-west6'"),
    ],
)
def test_bad_settings_are_said_in_one_sentence(changes, message):
    if message is None:
        assert vertex_settings(**changes).region == changes["region"]
        return
    with pytest.raises(ConfigurationError, match=message) as caught:
        vertex_settings(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["pipeline", "worker", "tfx_worker", "trainer"])
def test_an_image_without_a_digest_is_refused(name):
    images = vertex_settings().images
    for given in ("europe-docker.pkg.dev/p/w2v2/a:latest", "a@sha256:12", f"{image('a', '1')[:-1]}G", ""):
        with pytest.raises(ConfigurationError, match=rf"vertex\.images\.{name} must name an image by its digest"):
            dataclasses.replace(images, **{name: given})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NodeResources(cpu=0), r"cpu must be in \(0, 96\], not 0"),
        (lambda: NodeResources(memory_gb=1000), r"memory_gb must be in \(0, 624\], not 1000"),
        (lambda: RetrySettings(training=11), r"vertex\.retries\.training must be in \[0, 10\], not 11"),
        (lambda: RetrySettings(backoff_seconds=0), "not 0 and 3600"),
        (lambda: RetrySettings(longest_backoff_seconds=7200), "not 60 and 7200"),
        (lambda: RetrySettings(backoff_factor=0.5), "backoff_factor must be at least 1, not 0.5"),
        (lambda: DataflowSettings(machine_type="big one"), "must be one of Compute Engine's, .*, not 'big one'"),
        (lambda: DataflowSettings(max_workers=0), r"max_workers must be in \[1, 4000\], not 0"),
        (lambda: DataflowSettings(disk_gb=1), r"disk_gb must be in \[10, 65536\], not 1"),
        (lambda: DataflowSettings(subnetwork="mine"), "must be regions/<region>/subnetworks/<name>, not 'mine'"),
        (lambda: TrainingJobSettings(disk_gb=1), r"disk_gb must be in \[100, 64000\], not 1"),
        (lambda: TrainingJobSettings(timeout_hours=0), r"timeout_hours must be in \[1, 672\], not 0"),
        (lambda: MailSettings("MAIL", "a@b.c", ()), "recipients must be one address at least; it is empty"),
        (lambda: MailSettings("MAIL", "a@b.c", ("x",)), "must have addresses such as team@example.org, not 'x'"),
        (lambda: ImageSettings("a", "b", "c", "d"), "vertex.images.pipeline must name"),
    ],
)
def test_no_part_takes_nonsense(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.parametrize("given", ["https://hooks.example.org/T0/hush", "smtps://me:hush@host:465", "hush"])
def test_a_secret_in_the_place_of_its_name_is_refused_and_not_repeated(given):
    for make in (lambda: NotificationSettings(webhooks=(given,)), lambda: MailSettings(given, "a@b.c", ("a@b.c",))):
        with pytest.raises(ConfigurationError, match="must be the NAME of a variable of the environment") as caught:
            make()
        assert given not in str(caught.value)
    assert NotificationSettings(webhooks=("CHAT_WEBHOOK", "projects/p/secrets/chat/versions/3")).webhooks


def test_a_name_of_no_node_is_refused():
    with pytest.raises(ConfigurationError, match=r"vertex\.resources must name nodes .*WEREvaluator.*, not 'Tuner'"):
        dataclasses.replace(get_config(), vertex=vertex_settings(resources={"Tuner": NodeResources()}))
    assert "LatestBlessedModel" not in containers_of("ctc")
    assert {"ImportSchemaGen", "Trainer", "RunReporter"} <= set(containers_of("ctc"))


@pytest.mark.parametrize(
    ("training", "train", "message"),
    [
        (TPU, {}, "train.tpu must be 'local', .* with a TPU in vertex.training, .*, not None and 'auto'"),
        (TPU, {"tpu": "grpc://10.0.0.1:8470"}, "not 'grpc://10.0.0.1:8470' and 'auto'"),
        (None, {"tpu": "local"}, "train.tpu must be left out, .* without a TPU in vertex.training"),
        (None, {"strategy": "multi_worker"}, "train.strategy must not be 'multi_worker' with vertex"),
        (None, {"strategy": "gpu"}, "train.strategy must be 'auto' or 'cpu' without a GPU in vertex.training"),
    ],
)
def test_the_training_must_suit_the_machine(training, train, message):
    vertex = vertex_settings(training=training)
    with pytest.raises(ConfigurationError, match=message):
        vertex.require_suits(TrainingSettings(steps=1, **train))


def test_a_training_that_suits_its_machine_is_taken():
    vertex_settings(training=TPU).require_suits(TrainingSettings(steps=1, tpu="local", strategy="tpu"))
    vertex_settings().require_suits(TrainingSettings(steps=1, strategy="gpu"))
    spec = TrainingJobSettings("ct5lp-hightpu-8t", tpu_topology="2x4").machine_spec
    assert spec == {"machine_type": "ct5lp-hightpu-8t", "tpu_topology": "2x4"}
    assert TPU.machine_spec == {
        "machine_type": "cloud-tpu", "accelerator_type": "TPU_V3", "accelerator_count": 8
    }  # fmt: skip
