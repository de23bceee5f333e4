"""The whole DAG: corpus and checkpoint in, released models out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from tfx import v1 as tfx
from tfx.dsl.components.base import base_beam_component, base_node
from tfx.orchestration import metadata

from components.checkpoint_converter import CheckpointConverter
from components.checkpoint_pusher import CheckpointPusher
from components.code_fingerprint import code_fingerprint
from components.decisions import decisions_place
from components.hub_pusher import HubPusher
from components.latest_standing_model import LatestStandingModelStrategy
from components.librispeech_example_gen import LibriSpeechExampleGen
from components.onnx_pusher import OnnxPusher
from components.pretraining_evaluator import PretrainingEvaluator
from components.release_exporter import ReleaseExporter
from components.transform.statistics import stats_options
from components.wer_evaluator import WEREvaluator
from model.settings import to_json
from pipeline.config import PipelineConfig


@dataclasses.dataclass(frozen=True)
class RunInputs:
    """What the runner finds out before the graph is built, so that the graph reads nothing.

    Attributes:
      pipeline_root: Where TFX writes the artifacts of this pipeline.
      metadata_path: The SQLite file of the metadata store; None on Vertex AI, which has its own. TFX's strategy finds
        the baseline there, as no other is executed.
      staging_dir: Where work is kept that a killed run goes on from.
      releases_place: The directory or gs:// address where the pushers publish.
      corpus_root: The directory of the corpus.
      corpus_fingerprint: A hash that changes when the corpus does.
      checkpoint_path: The directory or file of the checkpoint, or its address on the Hub with the commit; or `random`.
      checkpoint_fingerprint: A hash that changes when the checkpoint does.
      schema_path: The curated schema, under a name that changes when the schema does.
      vocabulary: Id by token, of the CTC head; empty in pre-training.
      published: What is published now, there and on the hubs, by format; nothing where that is not known, or where
        something is missing.
      unpublished: What stands for it then: another text in each run, so that a pusher is not served from the cache of a
        time before somebody removed its release.
      decisions_state: What people have decided so far about releases of this pipeline.
      language_model_state: What changes when the language model does that the evaluation decodes with.
      enable_cache: Whether nodes whose inputs did not change are served from the cache.
      beam_args: Flags for Beam.
      beam_args_by_node: More of them, for single nodes, by their names.
      runner_name: The pipeline's name for a runner that does not take every name; empty for the configuration's.
      training_job: The custom job of Vertex AI that trains, as `components.trainer.vertex` has it; None for training in
        the Trainer node itself.
    """

    pipeline_root: str
    metadata_path: str | None
    staging_dir: str
    releases_place: str
    corpus_root: str
    corpus_fingerprint: str
    checkpoint_path: str
    checkpoint_fingerprint: str
    schema_path: str
    vocabulary: Mapping[str, int]
    published: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unpublished: str = ""
    decisions_state: str = ""
    language_model_state: str = ""
    enable_cache: bool = True
    beam_args: tuple[str, ...] = ("--direct_running_mode=in_memory", "--direct_num_workers=1")
    beam_args_by_node: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    runner_name: str = ""
    training_job: Mapping[str, Any] | None = None


def create_pipeline(config: PipelineConfig, inputs: RunInputs) -> tfx.dsl.Pipeline:
    """Returns the pipeline of a configuration. It reads no file and no environment.

    It is the same for both tasks of training, but for the evaluator: what is pre-trained is judged by its contrastive
    loss on the validation split. And it is the same for LocalDagRunner and for KubeflowV2DagRunner, but for what finds
    the baseline and what does the training.
    """
    vocabulary = dict(inputs.vocabulary)
    example_gen = LibriSpeechExampleGen(
        corpus_root=inputs.corpus_root,
        corpus_fingerprint=inputs.corpus_fingerprint,
        settings=config.ingest,
        staging_dir=inputs.staging_dir,
    )
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples, stats_options=stats_options())
    statistics = statistics_gen.outputs["statistics"]
    # What the data looks like, for people to read; what the data must look like is the curated schema.
    inferred_schema = tfx.components.SchemaGen(statistics=statistics)
    curated_schema = tfx.components.ImportSchemaGen(schema_file=inputs.schema_path)
    schema = curated_schema.outputs["schema"]
    example_validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="components.transform.preprocessing_fn.preprocessing_fn",
        splits_config=tfx.proto.SplitsConfig(analyze=["train"]),
        materialize=False,
        disable_statistics=True,
        custom_config={
            "vocabulary": vocabulary,
            "code_fingerprint": code_fingerprint("components.transform", "model.text"),
        },
    )
    converter = CheckpointConverter(
        checkpoint=inputs.checkpoint_path,
        checkpoint_fingerprint=inputs.checkpoint_fingerprint,
        settings=config.checkpoint,
        task=config.train.task,
        vocabulary=vocabulary,
    )
    trainer = _trainer_class(inputs)(
        run_fn="components.trainer.run_fn.run_fn",
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        base_model=converter.outputs["model"],
        train_args=tfx.proto.TrainArgs(splits=["train"], num_steps=config.train.steps),
        eval_args=tfx.proto.EvalArgs(splits=["validation"]),
        custom_config={
            "training_settings": to_json(config.train),
            "vocabulary": vocabulary,
            # Outside the artifacts: TFX removes those of a node that fails, just when its states are needed.
            "staging_dir": f"{inputs.staging_dir}/training",
            "code_fingerprint": code_fingerprint("components.trainer", "model"),
            **(inputs.training_job or {}),
        },
    ).with_id("Trainer")
    trainer.add_upstream_node(example_validator)
    exporter = ReleaseExporter(
        model=trainer.outputs["model"],
        settings=config.release,
        examples=examples if config.train.task == "ctc" else None,
    )
    release = exporter.outputs["release"]
    baseline = tfx.dsl.Resolver(
        # Its docstring says why Vertex takes TFX's in its place.
        strategy_class=(
            tfx.dsl.experimental.LatestBlessedModelStrategy
            if inputs.metadata_path is None
            else LatestStandingModelStrategy
        ),
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("LatestBlessedModel")
    measured: dict[str, Any] = {
        "examples": examples,
        "model": release,
        "baseline_model": baseline.outputs["model"],
        "example_anomalies": example_validator.outputs["anomalies"],
        "evaluation_settings": config.evaluation,
        "gate_settings": config.gate,
        "pipeline_name": config.pipeline_name,
        "decisions": decisions_place(inputs.pipeline_root),
    }
    is_pretraining = config.train.task == "pretraining"
    evaluator = (
        PretrainingEvaluator(**measured)
        if is_pretraining
        else WEREvaluator(**measured, files_state=inputs.language_model_state)
    )
    judged = {
        "model": release,
        "model_blessing": evaluator.outputs["blessing"],
        "evaluation": evaluator.outputs["evaluation"],
        "name": config.release.name,
        "destination": inputs.releases_place,
        "publication": config.publication,
        "decisions": decisions_place(inputs.pipeline_root),
        "decisions_state": inputs.decisions_state,
    }
    published = inputs.published
    components: list[base_node.BaseNode] = [
        example_gen,
        statistics_gen,
        inferred_schema,
        curated_schema,
        example_validator,
        transform,
        converter,
        trainer,
        exporter,
        baseline,
        evaluator,
        HubPusher(**judged, destination_state=published.get("saved_model", inputs.unpublished)),
        OnnxPusher(**judged, destination_state=published.get("onnx", inputs.unpublished)),
        CheckpointPusher(**judged, destination_state=published.get("checkpoint", inputs.unpublished)),
    ]
    for component in components:
        if component.id in inputs.beam_args_by_node:
            cast("base_beam_component.BaseBeamComponent", component).with_beam_pipeline_args(
                inputs.beam_args_by_node[component.id]
            )
    return tfx.dsl.Pipeline(
        pipeline_name=inputs.runner_name or config.pipeline_name,
        pipeline_root=inputs.pipeline_root,
        components=components,
        enable_cache=inputs.enable_cache,
        metadata_connection_config=(
            None if inputs.metadata_path is None else metadata.sqlite_metadata_connection_config(inputs.metadata_path)
        ),
        beam_pipeline_args=list(inputs.beam_args),
    )


def _trainer_class(inputs: RunInputs) -> Any:
    if inputs.training_job is None:
        return tfx.components.Trainer
    # Its import takes the client library of Vertex AI, which a run on one machine does without.
    from components.trainer.vertex import VertexTrainer

    return VertexTrainer
