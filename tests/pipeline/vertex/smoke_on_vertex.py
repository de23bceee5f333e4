"""The smoke configuration with settings of Vertex AI, for tests: a project, images and secrets that do not exist."""

import dataclasses

from components.run_reporter.settings import MailSettings, NotificationSettings
from pipeline.config import PipelineConfig, load_config
from pipeline.vertex.settings import ImageSettings, NodeResources, TrainingJobSettings, VertexSettings


def image(name: str, digit: str) -> str:
    return f"europe-west4-docker.pkg.dev/speech-tests/w2v2/{name}@sha256:{digit * 64}"


def vertex_settings(**changes) -> VertexSettings:
    values = {
        "project": "speech-tests",
        "region": "europe-west4",
        "pipeline_root": "gs://speech/w2v2",
        "service_account": "w2v2-runner@speech-tests.iam.gserviceaccount.com",
        "images": ImageSettings(
            pipeline=image("pipeline", "1"), worker=image("worker", "2"), tfx_worker=image("tfx-worker", "3"),
            trainer=image("trainer", "4"),
        ),
        "training": TrainingJobSettings("n1-standard-8", "NVIDIA_TESLA_T4", 1),
        "resources": {"WEREvaluator": NodeResources(cpu=8, memory_gb=32)},
        "notifications": NotificationSettings(
            webhooks=("projects/speech-tests/secrets/chat-webhook/versions/latest",),
            mail=MailSettings("MAIL_SERVER", "w2v2@example.org", ("team@example.org",)),
        ),
        "labels": {"team": "speech"},
    }  # fmt: skip
    return VertexSettings(**{**values, **changes})


def get_config() -> PipelineConfig:
    return dataclasses.replace(load_config("smoke"), vertex=vertex_settings())
