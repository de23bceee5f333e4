"""What the pushers share: their interface, and the unpacking and packing around `publish`.

There is one for each format, so that each is served from the cache, and published again where somebody has removed it,
by itself.
"""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import Evaluation
from components.code_fingerprint import code_fingerprint
from components.publish_judged import blessing_of, publish_judged
from components.staging import STAGING_CODE, staged
from model.export.destinations.settings import PublicationSettings
from model.export.evaluation_summary import GATE_FILE, METRICS_FILE
from model.export.publish import PROBES_FILE, PUBLICATION_FILE
from model.export.release import RELEASE_FILE, Format
from model.settings import to_json
from model.storage import write_json

_SHARED_CODE = (
    "components.publishing",
    "components.publish_judged",
    "components.decisions",
    *STAGING_CODE,
    "beam_jobs.release_bucket",
    "beam_jobs.release_destinations",
)


class PusherSpec(ComponentSpec):
    """Inputs, outputs and execution properties of a pusher."""

    PARAMETERS = {  # noqa: RUF012 — TFX reads it from the class
        "destination": ExecutionParameter(type=str),
        "destination_state": ExecutionParameter(type=str),
        "decisions": ExecutionParameter(type=str),
        "decisions_state": ExecutionParameter(type=str),
        "hubs": ExecutionParameter(type=str),
        "name": ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "evaluation": ChannelParameter(type=Evaluation),
    }
    OUTPUTS = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel)}  # noqa: RUF012


def pusher_spec(
    package: str,
    format_: Format,
    model: types.BaseChannel,
    model_blessing: types.BaseChannel,
    evaluation: types.BaseChannel,
    destination: str,
    name: str,
    destination_state: str,
    decisions: str,
    decisions_state: str,
    publication: PublicationSettings | None = None,
) -> PusherSpec:
    """Returns the specification of a pusher.

    Args:
      package: The pusher's own package, whose code is part of the cache key.
      format_: What it publishes.
      model: ReleaseExporter's release.
      model_blessing: The evaluator's judgement of that release.
      evaluation: The evaluator's measurements: the model card is made of them, and the copy is compared with them.
      destination: A directory on this machine, or a gs:// address.
      name: The directory below it, for this model.
      destination_state: What is published there, and on the hubs, now, such as the version; when it changes, because
        somebody removed a release, the pusher is not served from the cache.
      decisions: Where the decisions of people lie, a directory or a gs:// address.
      decisions_state: What has been decided so far; when it changes, the pusher is not served from the cache.
      publication: Names the hubs that get the same bytes; its own destination is not read here. None for no hubs.
    """
    return PusherSpec(
        model=model,
        model_blessing=model_blessing,
        evaluation=evaluation,
        destination=destination,
        destination_state=destination_state,
        decisions=decisions,
        decisions_state=decisions_state,
        hubs=to_json((publication or PublicationSettings()).of_format(format_)),
        name=name,
        code_fingerprint=code_fingerprint(package, *_SHARED_CODE, "model"),
        pushed_model=types.Channel(type=standard_artifacts.PushedModel),
    )


def push(
    format_: Format,
    input_dict: dict[str, list[types.Artifact]],
    output_dict: dict[str, list[types.Artifact]],
    exec_properties: dict[str, Any],
) -> None:
    """Publishes one format of a release, if it may be published and is not yet.

    It may be published if the evaluator blessed it, or left it to a person who approved it; and not if the last person
    to decide about it rejected it.

    Args:
      format_: Which files of the release.
      input_dict:
        - model: one Model, the release.
        - model_blessing: one ModelBlessing; custom properties `blessed` (0 or 1), `release_digest`, `model_digest`.
        - evaluation: one Evaluation; `metrics.json`, `gate.json` and `probes.npz` are read. Custom property `verdict`.
      output_dict:
        - pushed_model: one PushedModel, with `publication.json`. Custom properties, of which the first three are
          those of TFX's Pusher: `pushed` (0 or 1), `pushed_destination` and `pushed_version` (where the release is
          published, now or before; else empty), `hubs` (where else, parted by blanks), `release_digest`, `reason`.
      exec_properties:
        - destination: a directory on this machine, or a gs:// address.
        - name: the directory below it.
        - hubs: JSON of `PublicationSettings`, with the hubs that get this format. What signs in there is in the
          variables of the environment that the settings name.
        - decisions: where people's decisions lie, as `components.decisions` draws them.
        - destination_state, decisions_state, code_fingerprint: part of the cache key only.

    Raises:
      UsageError: a destination cannot be used, such as a hub without credentials.
      ReleaseError: the release is not what was judged, measured or decided about.
      DataError: a decision cannot be read.
      TryAgainError: a hub or Cloud Storage does not answer, or there is no room left.
    """
    release = artifact_utils.get_single_instance(input_dict["model"])
    evaluation = artifact_utils.get_single_instance(input_dict["evaluation"])
    judged = artifact_utils.get_single_instance(input_dict["model_blessing"])
    blessing = blessing_of(
        judged.get_int_custom_property("blessed") == 1,
        evaluation.get_string_custom_property("verdict"),
        {name: judged.get_string_custom_property(name) for name in ("release_digest", "model_digest")},
        exec_properties["decisions"],
    )
    artifact = artifact_utils.get_single_instance(output_dict["pushed_model"])
    with staged() as stage:
        output = stage.output(artifact.uri)
        # Of what is not published, nothing is read.
        release_dir, evaluation_dir = release.uri, evaluation.uri
        if blessing.blessed:
            release_dir = stage.input(release.uri, RELEASE_FILE, format_)
            evaluation_dir = stage.input(evaluation.uri, METRICS_FILE, GATE_FILE, PROBES_FILE)
        publication = publish_judged(format_, release_dir, evaluation_dir, blessing, exec_properties)
        properties = publication.to_mapping()
        write_json(output / PUBLICATION_FILE, properties)
    artifact.set_int_custom_property("pushed", properties.pop("pushed"))
    for key, value in properties.items():
        artifact.set_string_custom_property(key, value)
