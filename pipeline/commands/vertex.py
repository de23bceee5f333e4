"""`w2v2 vertex`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.errors import UsageError
from pipeline.commands.help_page import Command, Group
from pipeline.commands.options import (
    DEFAULT_CONFIG,
    AnywayOption,
    JsonOption,
    LanguageOption,
    VertexCheckpointOption,
    VertexConfigOption,
    VertexCorpusOption,
    require_extra,
)
from pipeline.commands.outcome import console, ending_in_code, print_json

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig
    from pipeline.vertex.service import VertexService

_NAMES = {"schema": "components/transform/schema.pbtxt", "synthetic_corpus": "the synthetic corpus"}

vertex = typer.Typer(
    name="vertex",
    cls=Group,
    help="Vertex AI: the pipeline there. docs/vertex.md says what was tried, and what was not.",
    no_args_is_help=True,
)


def compile_(
    config: VertexConfigOption = DEFAULT_CONFIG,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the JSON is written; default: <pipeline>.json in this directory."),
    ] = None,
    corpus: VertexCorpusOption = None,
    checkpoint: VertexCheckpointOption = None,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write the pipeline as Vertex AI takes it; nothing is sent to the cloud."""
    require_extra("vertex compile", "pipeline", "tfx")
    from pipeline.config import load_config
    from pipeline.foreground import shown
    from pipeline.vertex.compile import compile_for_vertex, require_vertex

    chosen = load_config(config).with_sources(corpus, checkpoint, language)
    require_vertex(chosen)
    with shown(None if as_json else console(), "Compile"):
        from model.storage import disk_full_is_said, replacing

        compiled = compile_for_vertex(chosen)
        path = output or Path(f"{compiled.name}.json")
        with disk_full_is_said(path), replacing(path) as temporary:
            temporary.write_bytes(compiled.to_bytes())
    if as_json:
        needs = [{"what": need.what, "address": need.address} for need in compiled.needs]
        return print_json({"output": str(path), "pipeline": compiled.name, "sha256": compiled.sha256, "needs": needs})
    console().print(f"Wrote {path} (sha256 {compiled.sha256[:16]}…), the pipeline {compiled.name}.", soft_wrap=True)
    for need in compiled.needs:
        console().print(f"Before it runs, {_NAMES[need.what]} must lie at {need.address}.", soft_wrap=True)
    return 0


_RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The name of a run, as w2v2 vertex status lists it.")]


def submit(
    config: VertexConfigOption = DEFAULT_CONFIG,
    corpus: VertexCorpusOption = None,
    checkpoint: VertexCheckpointOption = None,
    language: LanguageOption = None,
    anyway: AnywayOption = False,
    as_json: JsonOption = False,
) -> int:
    """Start a run: compile, look at bucket and images, put what is missing in its place, and start it once."""
    require_extra("vertex submit", "pipeline", "tfx")
    import datetime as dt

    from pipeline.config import load_config
    from pipeline.foreground import shown
    from pipeline.vertex.compile import compile_for_vertex, require_vertex

    chosen = load_config(config).with_sources(corpus, checkpoint, language)
    vertex_settings = require_vertex(chosen)
    with shown(None if as_json else console(), "Submit"):
        from pipeline.vertex import preflight, submission
        from pipeline.vertex.cloud_workspace import CloudWorkspace
        from pipeline.vertex.runs import run_of
        from pipeline.vertex.service import VertexService

        service = VertexService(vertex_settings.project, vertex_settings.region)
        preflight.look(vertex_settings)
        if not anyway:
            submission.require_none_running(service, chosen)
        compiled = compile_for_vertex(chosen)
        submission.place_needs(chosen, compiled)
        CloudWorkspace.at(vertex_settings.pipeline_root).write_record(chosen)
        if not anyway:
            # Compiling and copying have taken their time; somebody else, or a schedule, may have been faster.
            submission.require_none_running(service, chosen)
        run = run_of(submission.submit(service, compiled, vertex_settings, dt.datetime.now(dt.timezone.utc)))
    if as_json:
        return print_json(run.to_json())
    console().print(f"Started {run.run_id}: {run.link}", soft_wrap=True)
    return 0


def status(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="The name of a run, as w2v2 vertex status lists it; without it, the runs of the pipeline.",
        ),
    ] = None,
    config: VertexConfigOption = DEFAULT_CONFIG,
    corpus: VertexCorpusOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the runs of a pipeline on Vertex AI, or the tasks of one."""
    from components.run_labels import PIPELINE_LABEL
    from pipeline.vertex.inputs import runner_name
    from pipeline.vertex.runs import run_of

    chosen, service = _service("vertex status", config, corpus)
    if run is not None:
        found = run_of(service.job(run))
        if as_json:
            return print_json(found.to_json())
        from pipeline.vertex_display import show_run

        show_run(console(), found)
        return 0
    runs = [run_of(job) for job in service.jobs({PIPELINE_LABEL: runner_name(chosen)})]
    if as_json:
        return print_json({"runs": [one.to_json() for one in runs]})
    from pipeline.vertex_display import show_runs

    if runs:
        show_runs(console(), runs)
    else:
        console().print(
            f"There are no runs of {runner_name(chosen)} yet; start one with [bold]w2v2 vertex submit[/bold]."
        )
    return 0


def logs(
    run: _RunArgument,
    node: Annotated[str | None, typer.Option(metavar="NODE", help="Of this task alone, such as Trainer.")] = None,
    lines: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="How many at most; the last ones.")] = 200,
    config: VertexConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> int:
    """Print what the tasks of a run have written, and the training that one of them waits for."""
    from beam_jobs.places import printable
    from components.run_labels import RUN_LABEL
    from pipeline.vertex.logs import read_logs
    from pipeline.vertex.runs import run_of

    chosen, service = _service("vertex logs", config, None)
    assert chosen.vertex is not None
    found = run_of(service.job(run))
    known = [task.name for task in found.tasks]
    if node is not None and node not in known:
        raise UsageError(f"--node must be one of {', '.join(known) or 'the tasks, and none has begun'}, not {node!r}.")
    nodes_by_job = {task.job_id: task.name for task in found.tasks if task.job_id and node in (None, task.name)}
    if node in (None, "Trainer"):
        training = service.training_jobs({RUN_LABEL: run})
        nodes_by_job |= {job["name"].rpartition("/")[2]: "Trainer" for job in training}
    told = read_logs(chosen.vertex.project, nodes_by_job, lines)
    if as_json:
        return print_json({"lines": [dataclasses.asdict(line) for line in told]})
    for line in told:
        text = f"{line.time}  {line.node}  {line.severity}  {printable(line.text)}"
        console().print(text, soft_wrap=True, markup=False, highlight=False)
    return 0


def cancel(run: _RunArgument, config: VertexConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> int:
    """End a run on Vertex AI, and the training and Dataflow jobs that it has started."""
    chosen, service = _service("vertex cancel", config, None)
    assert chosen.vertex is not None
    from pipeline.vertex import submission
    from pipeline.vertex.dataflow_jobs import DataflowJobs

    ended = submission.cancel(service, DataflowJobs(chosen.vertex.project, chosen.vertex.region), run)
    if as_json:
        return print_json(
            {"run": ended.run, "training_jobs": ended.training_jobs, "dataflow_jobs": ended.dataflow_jobs}
        )
    console().print(
        f"{run} {'is asked to end' if ended.run else 'had ended already'}; so are"
        f" {len(ended.training_jobs)} training and {len(ended.dataflow_jobs)} Dataflow jobs of it.",
        soft_wrap=True,
    )
    return 0


def _service(command: str, config: str, corpus: str | None) -> tuple[PipelineConfig, VertexService]:
    require_extra(command, "pipeline", "google.cloud.aiplatform_v1")
    from pipeline.config import load_config
    from pipeline.vertex.compile import require_vertex
    from pipeline.vertex.service import VertexService

    chosen = load_config(config).with_sources(corpus, None)
    settings = require_vertex(chosen)
    return chosen, VertexService(settings.project, settings.region)


vertex.command(name="compile", cls=Command)(ending_in_code(compile_))
for _command in (submit, status, logs, cancel):
    vertex.command(name=_command.__name__, cls=Command)(ending_in_code(_command))
