"""The work of WEREvaluator."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components.evaluator import executor as tfx_evaluator
from tfx.types import artifact_utils

from beam_jobs import places
from components.evaluation.blessing import Inputs, conclude
from components.evaluation.examples import read_sound
from components.staging import staged
from components.wer_evaluator.gate import decide
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model.errors import UsageError
from model.settings import from_json, to_mapping
from model.version import __version__


class Executor(tfx_evaluator.Executor):
    """Measures, decides, writes.

    A subclass of TFX's evaluator: only its blessings are found by the compiled resolver of the latest blessed model.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates a release. A model that is rejected is no failure of the node.

        Args:
          input_dict:
            - examples: one Examples with `dataset_info.json` at its root.
            - model: one Model, the release that is judged.
            - baseline_model: the latest blessed release, or nothing.
            - example_anomalies: one ExampleAnomalies.
          output_dict:
            - evaluation: one Evaluation; its docstring draws the directory.
            - blessing: one ModelBlessing. Custom properties: `blessed` (0 or 1), `current_model`, `current_model_id`,
              `baseline_model`, `baseline_model_id`, `model_digest`, `release_digest`, `w2v2_pipeline`; a file BLESSED
              or NOT_BLESSED.
          exec_properties:
            - evaluation_settings: JSON of `EvaluationSettings`.
            - gate_settings: JSON of `GateSettings`.
            - pipeline_name: of the pipeline within which models are compared.
            - decisions: where the decisions of people lie; what the last of them rejected is not blessed.
            - files_state, code_fingerprint: part of the cache key only.

        Raises:
          ReleaseError: the candidate is not what ReleaseExporter wrote.
          DataError: the examples are damaged, or hold an utterance twice.
          TryAgainError: memory or disk is full, or Cloud Storage does not answer.
        """
        from beam_jobs.evaluation.job import hear
        from beam_jobs.evaluation.listener import Listener
        from beam_jobs.evaluation.results import read_probes
        from components.wer_evaluator.measure import chosen_splits, measure
        from components.wer_evaluator.report import audio_ids, render_report

        settings = from_json(EvaluationSettings, exec_properties["evaluation_settings"])
        gate = from_json(GateSettings, exec_properties["gate_settings"])
        with staged() as stage:
            for written in output_dict.values():
                stage.output(artifact_utils.get_single_instance(written).uri)
            inputs = Inputs.of(input_dict, stage)
            examples = inputs.examples.uri
            split_names = artifact_utils.decode_split_names(inputs.examples.split_names)
            splits = chosen_splits(split_names, settings)

            def hear_release(release_dir: Any, ways: Any, num_probes: int, name: str) -> Any:
                place = places.join(self._working_dir(), name.replace(" ", "-"))
                heard = hear(
                    examples,
                    splits,
                    # Workers on other machines do not see the copy.
                    stage.uri_of(release_dir),
                    ways,
                    self._make_beam_pipeline,
                    working_dir=place,
                    batch_samples=settings.batch_samples,
                    num_probes=num_probes,
                    stage=name,
                    beam_search=settings.beam_search,
                )
                return heard, read_probes(place)

            measured = measure(
                examples,
                split_names,
                inputs.release_dir,
                inputs.baseline_dir,
                settings,
                gate.non_inferiority_margin,
                hear_release,
                Listener(inputs.release_dir).hear,
            )
            metrics = {
                **inputs.add_to(measured.metrics, stage),
                "code": {"version": __version__, "fingerprint": exec_properties.get("code_fingerprint")},
                "configuration": {"evaluation": _with_hashes(settings), "gate": to_mapping(gate)},
            }
            decision = decide(metrics, gate)
            audio = read_sound(examples, splits, audio_ids(metrics, measured.rows))
            wer = {split: found["words"]["wer"] for split, found in metrics["splits"].items()}
            conclude(
                stage,
                output_dict,
                inputs,
                decision,
                metrics,
                measured.rows,
                render_report(decision, metrics, measured.rows, audio),
                measured.probes,
                {"wer": wer},
                exec_properties["pipeline_name"],
                exec_properties["decisions"],
            )

    def _working_dir(self) -> str:
        """Returns this task's directory for temporary files, which may lie in Cloud Storage.

        TFX's own `_get_tmp_dir` makes it, and for an address asks TensorFlow to: there, no directory need be made.
        """
        if self._context is None:
            raise UsageError("WEREvaluator must run as a task of a pipeline, which gives it a context; it got none.")
        return places.absolute(self._context.get_tmp_path())


def _with_hashes(settings: EvaluationSettings) -> dict[str, Any]:
    """Returns settings as they are told, with the sha256 of the language model that they name."""
    told = to_mapping(settings)
    if settings.beam_search is not None:
        told["beam_search"]["sha256"] = places.sha256_of(places.absolute(settings.beam_search.language_model))
    return told
