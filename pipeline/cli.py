"""The `w2v2` command. What a command needs is imported when it is called, so that `w2v2 --help` answers at once."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model.errors import UsageError, W2v2Error
from model.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.workspace import Workspace

DEFAULT_CONFIG = "local"

app = typer.Typer(
    name="w2v2",
    help="Recorded speech in, a gated and released speech recogniser out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        help="Where runs, metadata and released models lie; W2V2_WORKSPACE, or ./workspace.",
        show_default=False,
    ),
]

LanguageOption = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="The language of an MMS checkpoint, such as fra; default: the one it holds."),
]

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's id or its beginning.")]
ReasonOption = Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who come later.")]


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command line; ends the process with its exit code."""
    app(args=None if argv is None else list(argv), prog_name="w2v2")


def _command(function: Callable[..., int]) -> Callable[..., None]:
    """Registers a function that returns an exit code; says its errors in one sentence.

    A function with a parameter `as_json` has its errors printed as a JSON document where that is true.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        as_json = bool(kwargs.get("as_json"))
        try:
            code = function(*args, **kwargs)
            sys.stdout.flush()
        except W2v2Error as error:
            code = _say(str(error), error.exit_code, as_json)
        except KeyboardInterrupt:
            code = _say("Stopped.", 130, as_json)
        except BrokenPipeError:
            # Whoever read the output has closed it; there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
            place = error.filename or "a file"
            reason = f"{place} cannot be used: {error.strerror}; name another place, or change who may write there."
            code = _say(reason, UsageError.exit_code, as_json)
        except Exception as error:  # noqa: BLE001 — a person gets a sentence, and the file has the traceback
            code = _say_unexpected(error, as_json)
        raise typer.Exit(code)

    app.command(name=function.__name__.strip("_"))(wrapper)
    return wrapper


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    if version:
        sys.stdout.write(f"w2v2 {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(2)


@_command
def run(
    config: Annotated[
        str, typer.Option(help="The name of a configuration in pipeline/configs, or a Python file with get_config().")
    ] = DEFAULT_CONFIG,
    corpus: Annotated[
        str | None,
        typer.Option(
            help="'synthetic'; subsets of LibriSpeech, such as train-clean-100,test-clean, which are downloaded; a"
            " directory in its layout; an archive; a manifest of own recordings (.tsv, .jsonl); or, to pre-train, a"
            " folder of recordings. Default: the configuration's."
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            help="'tiny', or a published checkpoint, pre-trained or fine-tuned: a directory, a file of weights, or"
            " hf://owner/name\\[@revision]; default: the configuration's."
        ),
    ] = None,
    language: LanguageOption = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="NODE", help="Begin with this node; earlier outputs are those of an earlier run."
        ),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="NODE", help="End with this node.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the latest run, which did not complete.")
    ] = False,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="Execute every node, also where nothing has changed since an earlier run."),
    ] = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Run the pipeline: corpus and checkpoint in, evaluated, gated and released models out."""
    _require("run", "pipeline", "tfx")
    from pipeline.config import load_config
    from pipeline.nodes import node_ids
    from pipeline.partial_run import require_nodes
    from pipeline.record import RunRequest, given_options
    from pipeline.sources import with_absolute_sources
    from pipeline.supervisor import start_run

    if resume and (from_ is not None or to is not None):
        raise UsageError("--resume finds out by itself where to begin and to end; leave out --from and --to.")
    chosen = load_config(config).with_sources(corpus, checkpoint, language)
    require_nodes(node_ids(chosen.train.task), from_=from_, to=to)
    chosen = with_absolute_sources(chosen)
    options = given_options(
        config=None if config == DEFAULT_CONFIG else config,
        corpus=corpus,
        checkpoint=checkpoint,
        language=language,
        workspace=workspace,
    )
    request = RunRequest(from_node=from_, to_node=to, resume=resume, enable_cache=not no_cache, options=options)
    return start_run(_workspace(workspace), chosen, request, _console())


@_command
def runs(as_json: JsonOption = False, workspace: WorkspaceOption = None) -> int:
    """List every run: state, verdict, WER, and where its artifacts are."""
    from pipeline.runs import read_runs

    place = _workspace(workspace)
    entries = read_runs(place)
    if as_json:
        return _print_json({"runs": [entry.to_json() for entry in entries]})
    from pipeline.display import show_runs

    if entries:
        show_runs(_console(), entries)
    else:
        _console().print(f"There are no runs in {place.root} yet; begin one with [bold]w2v2 run[/bold].")
    return 0


@_command
def review(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's id or its beginning; default: the newest with a verdict."),
    ] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Show the gates of a run, with their reasons, and where its HTML report is."""
    from pipeline.runs import latest_evaluated, read_run, read_runs

    place = _workspace(workspace)
    entry = latest_evaluated(read_runs(place), place) if run_id is None else read_run(place, place.find_run(run_id))
    if as_json:
        return _print_json(entry.to_json())
    from pipeline.display import show_review

    show_review(_console(), entry)
    return 0


@_command
def approve(
    run_id: RunArgument, reason: ReasonOption, as_json: JsonOption = False, workspace: WorkspaceOption = None
) -> int:
    """Approve the model of a run that waits for a review, and publish it."""
    _require("approve", "pipeline", "tfx")
    from pipeline.decide import approve as decide

    return _decided(decide, run_id, reason, as_json, workspace)


@_command
def reject(
    run_id: RunArgument, reason: ReasonOption, as_json: JsonOption = False, workspace: WorkspaceOption = None
) -> int:
    """Reject the model of a run: it is not published, and no later one is compared with it."""
    _require("reject", "pipeline", "ml_metadata")
    from pipeline.decide import reject as decide

    return _decided(decide, run_id, reason, as_json, workspace)


def _decided(decide: Callable[..., Any], run_id: str, reason: str, as_json: bool, workspace: Path | None) -> int:
    from pipeline.display import make_console, silent_console

    place = _workspace(workspace)
    outcome = decide(place, place.find_run(run_id), reason, silent_console() if as_json else make_console())
    if as_json:
        _print_json(outcome.to_json())
    return outcome.exit_code


@_command
def transcribe(
    audio: Annotated[list[Path], typer.Argument(metavar="AUDIO…", help="Sound files: FLAC, WAV, OGG, MP3, …")],
    model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A released ONNX folder; default: the newest in the workspace.")
    ] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Write down what is said in sound files, with a released model."""
    from model.transcriber import Transcriber
    from pipeline.releases import newest_onnx_release

    transcriber = Transcriber(newest_onnx_release(_workspace(workspace)) if model is None else model)
    results: list[dict[str, Any]] = []
    code = 0
    for path in audio:
        try:
            transcription = transcriber.transcribe(path)
        except W2v2Error as error:
            # One file that cannot be read does not keep the others from being written down.
            code = error.exit_code
            results.append({"audio": str(path), "error": str(error)})
            if not as_json:
                _say(str(error), code, as_json=False)
            continue
        results.append(
            {
                "audio": str(path),
                "text": transcription.text,
                "duration_seconds": transcription.duration_seconds,
                "seconds": transcription.seconds,
            }
        )
        if not as_json:
            sys.stdout.write(f"{path}\t{transcription.text}\n" if len(audio) > 1 else f"{transcription.text}\n")
    if as_json:
        _print_json({"model": str(transcriber.directory), "transcriptions": results})
    return code


@_command
def score(
    ref: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="What was said: a .tsv (id, text; with a header also speaker, gender, subset, seconds), LibriSpeech's"
            " .trans.txt, or sclite's .trn.",
        ),
    ],
    hyp: Annotated[Path, typer.Option(metavar="FILE", help="What the system heard, in one of these forms.")],
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What another system heard, to compare with.")
    ] = None,
    normaliser: Annotated[
        str, typer.Option(metavar="NAME", help="What is done to the texts: none, librispeech or unpunctuated.")
    ] = "librispeech",
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION",
            help="How much worse than the baseline the system may be, a difference of fractions: 0.005 for half a"
            " point.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Score any system's transcripts: WER with intervals and slices, alone or against another system's."""
    from model.metrics import ScoringSettings
    from pipeline.score_files import score_files

    if margin is not None and baseline is None:
        raise UsageError("--margin says how much worse than --baseline a system may be; give both, or leave it out.")
    scored = score_files(ref, hyp, baseline, ScoringSettings(normaliser=normaliser, margin=margin))
    if as_json:
        return _print_json(scored.to_json())
    from pipeline.score_display import show_score

    show_score(_console(), scored)
    return 0


@_command
def ingest(
    corpus: Annotated[
        str,
        typer.Option(
            help="Subsets of LibriSpeech, such as dev-clean,test-clean; a directory in its layout; an archive; or a"
            " manifest of own recordings (.tsv, .jsonl). A path, or a gs:// address."
        ),
    ],
    output: Annotated[
        str, typer.Option(metavar="DIR", help="Where the records are written: a directory, or a gs:// address.")
    ],
    beam_flags: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="BEAM_FLAG",
            help="After --, flags of Beam: --runner=DataflowRunner --project=… --region=… --temp_location=gs://…",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode; several need some seconds to start.")] = 1,
    config: Annotated[
        str, typer.Option(help="The configuration whose ingest settings are taken: splits, limits, shards.")
    ] = DEFAULT_CONFIG,
    downloads: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where archives are kept and unpacked: a directory, or a gs:// address. Default: the workspace, or"
            " beside an output in Cloud Storage.",
        ),
    ] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Turn a corpus into shards of utterance records: the Beam job alone, here or on Dataflow."""
    _require("ingest", "pipeline", "apache_beam")
    if beam_flags and workers > 1:
        raise UsageError("Either --workers or Beam's flags must say what runs the job, not both; leave one out.")
    from model.durations import format_seconds
    from pipeline.config import load_config
    from pipeline.foreground import shown

    began = time.monotonic()
    settings = load_config(config).ingest
    place = output.rstrip("/")
    with shown(None if as_json else _console(), "Obtaining the corpus"):
        from beam_jobs import engines, places
        from beam_jobs.librispeech import CODE_OF_RECORDS
        from beam_jobs.librispeech.job import IngestRequest, run_job
        from components.code_fingerprint import code_fingerprint
        from model.progress import emit

        if downloads is None:
            downloads = f"{place}.corpora" if places.is_remote(output) else str(_workspace(workspace).corpora_dir)
        flags = beam_flags or engines.direct_flags(workers)
        request = IngestRequest(corpus, output, downloads, f"{place}.staging", flags)
        ingest_began: list[float] = []

        def begin() -> None:
            ingest_began.append(time.monotonic())
            emit("node_started", {"node": "Ingest"})

        info = run_job(request, settings, code_fingerprint(*CODE_OF_RECORDS), begin)
        emit("node_finished", {"node": "Ingest", "seconds": time.monotonic() - ingest_began[0]})
    if as_json:
        return _print_json(info)
    hours = sum(split["hours"] for split in info["splits"].values())
    took = format_seconds(time.monotonic() - began)
    _console().print(
        f"Wrote {info['written']:,} of {info['read']:,} utterances, {hours:.2f} hours of speech, to {output} in {took}."
    )
    if info["rejected"]:
        were = "was" if info["rejected"] == 1 else "were"
        told = f"{info['rejected']:,} {were} rejected; each is named, with its reason, in {place}/rejects.jsonl."
        _console().print(told)
    return 0


@_command
def convert(
    checkpoint: Annotated[str, typer.Argument(help="A directory, a file of weights, or hf://owner/name\\[@revision].")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The model directory to write.")],
    language: LanguageOption = None,
    activations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Reference activations (.npz) that the converted model must give."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Convert a published checkpoint to a model directory."""
    _require("convert", "train", "keras")
    from pipeline.foreground import shown

    with shown(None if as_json else _console(), "Convert"):
        from model.checkpoint import convert_checkpoint

        report = convert_checkpoint(checkpoint, directory, language=language, activations=activations)
    if as_json:
        return _print_json(report)
    left_out = len(report["left_out"])
    heads = {"ctc": "a CTC head", "pretraining": "the heads of pre-training", "none": "no head"}
    console = _console()
    console.print(
        f"Converted {len(report['tensors'])} tensors of {checkpoint} to {directory}: a model with"
        f" {heads[report['head']]}."
    )
    if left_out:
        console.print(f"{left_out} tensors have no use in it; conversion_report.json names them.")
    if "parity" in report:
        parity = report["parity"]
        console.print(
            f"It gives the reference activations of {parity['modules']} modules, to {parity['max_absolute']:.1e}"
            f" absolute and {parity['max_relative']:.1e} relative."
        )
    return 0


@_command
def doctor(as_json: JsonOption = False, workspace: WorkspaceOption = None) -> int:
    """Tell what is wrong with this machine, and what mends it."""
    from pipeline.doctor import examine, is_well, to_json

    checks = examine(_workspace(workspace))
    code = 0 if is_well(checks) else 1
    if as_json:
        _print_json(to_json(checks))
        return code
    from pipeline.display import show_checks

    show_checks(_console(), checks)
    return code


def _require(command: str, extra: str, package: str) -> None:
    """Raises UsageError where a command needs packages that this installation was made without."""
    if importlib.util.find_spec(package) is None:
        raise UsageError(
            f"w2v2 {command} needs the packages of the extra '{extra}', and {package} is not installed; install"
            f" wav2vec2-tfx[{extra}], or use make setup in a clone."
        )


def _workspace(path: Path | None) -> Workspace:
    from pipeline.workspace import Workspace

    return Workspace.at(path)


def _console() -> Console:
    from pipeline.display import make_console

    return make_console()


def _print_json(value: Any) -> int:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    return 0


def _say(message: str, code: int, as_json: bool) -> int:
    """Says what went wrong, on standard error or as the JSON document; returns the exit code."""
    if as_json:
        _print_json({"error": message, "exit_code": code})
        return code
    from pipeline.display import make_console, show_error

    show_error(make_console(sys.stderr), message)
    return code


def _say_unexpected(error: Exception, as_json: bool) -> int:
    with tempfile.NamedTemporaryFile("w", prefix="w2v2-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    first = next(iter(str(error).splitlines()), "")
    return _say(
        f"Something went wrong that was not foreseen: {type(error).__name__}: {first}; the details are in {file.name}.",
        1,
        as_json,
    )


if __name__ == "__main__":
    main()
