"""The work of LibriSpeechExampleGen."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from beam_jobs.librispeech.corpus import MADE
from beam_jobs.librispeech.settings import IngestSettings
from model.errors import DataError
from model.settings import from_json


class Executor(base_beam_executor.BaseBeamExecutor):
    """Calls `beam_jobs.librispeech.ingest`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the records.

        Args:
          input_dict: Empty.
          output_dict:
            - examples: one Examples; `Split-<name>/data_tfrecord-SSSSS-of-NNNNN` for each split, `dataset_info.json`
              and `rejects.jsonl` at its root. Custom properties: `utterances`, `rejected`, `corpus_fingerprint`.
          exec_properties:
            - corpus_root: the directory of the corpus.
            - corpus_fingerprint: must be the corpus's, at the time of the run; where it is empty, or begins with
              `made:` and tells how the corpus was made, the corpus may be as it is.
            - settings: JSON of `IngestSettings`.
            - staging_dir: where unfinished work is kept.
            - code_fingerprint: of the code that makes records; shards that other code has staged are not used.

        Raises:
          DataError: the corpus has changed since the run was started, or `ingest` raises it.
          DiskFullError: there is no room left.
        """
        from beam_jobs.librispeech.ingest import ingest

        del input_dict
        artifact = artifact_utils.get_single_instance(output_dict["examples"])
        settings = from_json(IngestSettings, exec_properties["settings"])
        info = ingest(
            exec_properties["corpus_root"],
            artifact.uri,
            exec_properties["staging_dir"],
            settings,
            self._make_beam_pipeline,
            exec_properties.get("code_fingerprint", ""),
        )
        expected = exec_properties["corpus_fingerprint"]
        if expected and not expected.startswith(MADE) and info["corpus"]["fingerprint"] != expected:
            raise DataError(
                f"The corpus {exec_properties['corpus_root']} must stay as it is while it is read, and it has changed;"
                " run again."
            )
        artifact.split_names = artifact_utils.encode_split_names(list(info["splits"]))
        artifact.set_int_custom_property("utterances", info["written"])
        artifact.set_int_custom_property("rejected", info["rejected"])
        artifact.set_string_custom_property("corpus_fingerprint", info["corpus"]["fingerprint"])
