"""Options that several commands have, and what they stand for."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from model.errors import UsageError
from pipeline.commands.completion import complete_checkpoint, complete_config

if TYPE_CHECKING:
    from pipeline.vertex.cloud_runs import CloudRuns
    from pipeline.workspace import Workspace

DEFAULT_CONFIG = "local"

# The same words wherever an option means the same; a command adds what it does with the value.
CONFIG_METAVAR = "NAME|FILE"
CONFIG_WORDS = "A configuration by name, such as smoke, or a Python file with get_config()"
CORPUS_METAVAR = "CORPUS"
CORPUS_WORDS = (
    "subsets of LibriSpeech, such as dev-clean,test-clean, which are downloaded; a directory in its layout; an archive;"
    " a manifest of own recordings (.tsv, .csv, .jsonl)"
)
CHECKPOINT_METAVAR = "CHECKPOINT"
CHECKPOINT_WORDS = "a directory, a file of weights, or hf://owner/name, also with @revision"

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
# A text: a path would make one slash of the two in gs://.
WorkspaceOption = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        help="Where runs, metadata and released models lie; W2V2_WORKSPACE, or ./workspace.",
        show_default=False,
    ),
]
AnyWorkspaceOption = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        help="Where runs, metadata and released models lie; W2V2_WORKSPACE, or ./workspace. Of runs on Vertex AI, their"
        " vertex.pipeline_root, gs://…",
        show_default=False,
    ),
]

BeamFlagsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="BEAM_FLAG",
        help="After --, flags of Beam: --runner=DataflowRunner --project=… --region=… --temp_location=gs://…",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    str,
    typer.Option("--config", metavar=CONFIG_METAVAR, help=f"{CONFIG_WORDS}.", autocompletion=complete_config),
]
IngestConfigOption = Annotated[
    str,
    typer.Option(
        "--config",
        metavar=CONFIG_METAVAR,
        help=f"{CONFIG_WORDS}; its ingest settings are taken: letters, splits, limits and more.",
        autocompletion=complete_config,
    ),
]
VertexConfigOption = Annotated[
    str,
    typer.Option(
        "--config",
        metavar=CONFIG_METAVAR,
        help=f"{CONFIG_WORDS}; its vertex=VertexSettings(…) names project and region.",
        autocompletion=complete_config,
    ),
]
ScheduleConfigOption = Annotated[
    str,
    typer.Option(
        "--config",
        metavar=CONFIG_METAVAR,
        help=f"{CONFIG_WORDS}; its vertex=VertexSettings(…) names project and region, its schedule= the times.",
        autocompletion=complete_config,
    ),
]
VertexCorpusOption = Annotated[
    str | None,
    typer.Option(
        "--corpus",
        metavar=CORPUS_METAVAR,
        help="'synthetic', or a corpus in Cloud Storage, gs://…; default: the configuration's.",
        show_default=False,
    ),
]
VertexCheckpointOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        metavar=CHECKPOINT_METAVAR,
        help="'tiny', 'random' or hf://owner/name, also with @revision; default: the configuration's.",
        autocompletion=complete_checkpoint,
        show_default=False,
    ),
]

LanguageOption = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="The language of an MMS checkpoint, such as fra; default: the one it holds."),
]

AnywayOption = Annotated[
    bool,
    typer.Option("--anyway", help="Start the run although another one of the pipeline has not ended."),
]


def require_extra(command: str, extra: str, package: str) -> None:
    """Raises UsageError where a command needs packages that this installation was made without."""
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:  # not even the package that it is part of
        found = None
    if found is None:
        raise UsageError(
            f"w2v2 {command} needs the packages of the extra '{extra}', and {package} is not installed; install"
            f" wav2vec2-tfx[{extra}], or use make setup in a clone."
        )


def require_one_engine(workers: int, beam_flags: Sequence[str] | None) -> None:
    """Raises UsageError where both --workers and Beam's flags say what runs a job."""
    if beam_flags and workers > 1:
        raise UsageError("Either --workers or Beam's flags must say what runs the job, not both; leave one out.")


def workspace_at(path: str | None) -> Workspace:
    """Returns the workspace that an option names, or the one that holds without it."""
    from pipeline.workspace import Workspace

    return Workspace.at(path)


def cloud_runs_at(command: str, path: str | None) -> CloudRuns | None:
    """Returns the runs on Vertex AI below the address that an option or the environment names; None for a directory."""
    from beam_jobs import places
    from pipeline.workspace import named_place

    named = named_place(path)
    if not places.is_remote(named):
        return None
    require_extra(f"{command} --workspace gs://…", "pipeline", "google.cloud.aiplatform_v1")
    with warnings.catch_warnings():
        # Google's libraries say at import that Python 3.10 is old, in front of every output.
        warnings.filterwarnings("ignore", "You are using a non-supported Python version", FutureWarning)
        from pipeline.vertex.cloud_runs import CloudRuns
        from pipeline.vertex.cloud_workspace import CloudWorkspace

        return CloudRuns(CloudWorkspace.at(str(named)))
