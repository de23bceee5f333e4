"""`w2v2 schedule`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import typer

from pipeline.commands.help_page import Command, Group
from pipeline.commands.options import DEFAULT_CONFIG, AnywayOption, JsonOption, ScheduleConfigOption, require_extra
from pipeline.commands.outcome import console, ending_in_code, print_json

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig
    from pipeline.vertex.compile import CompiledPipeline
    from pipeline.vertex.schedule import SchedulePlan
    from pipeline.vertex.service import VertexService

schedule = typer.Typer(
    name="schedule",
    cls=Group,
    help="Schedules on Vertex AI: runs that begin by themselves, as `schedule` of the configuration says.",
    no_args_is_help=True,
)


def plan(config: ScheduleConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> int:
    """Show what `apply` would change, and the next five times; nothing is changed."""
    chosen, _, planned, _ = _planned("schedule plan", config, as_json)
    return _show(chosen, planned, as_json)


def apply(config: ScheduleConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> int:
    """Make the schedule what the configuration says; the difference is shown first."""
    from pipeline.vertex import schedule as schedules

    chosen, service, planned, compiled = _planned("schedule apply", config, as_json)
    if not as_json:
        _show(chosen, planned, as_json)
    if planned.action != "nothing" or planned.surplus:
        _prepare(chosen, compiled)
    _leave_record(chosen)
    name = schedules.apply(service, planned, _now())
    if as_json:
        return _show(chosen, planned, as_json, name)
    console().print(f"Done: {name}", soft_wrap=True)
    return 0


def list_(config: ScheduleConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> int:
    """List the schedules of the project in this region that this project has made."""
    from pipeline.vertex.schedule import SCHEDULE_LABEL

    _, service = _service("schedule list", config)
    found = [
        one
        for one in service.schedules()
        if SCHEDULE_LABEL in one.get("createPipelineJobRequest", {}).get("pipelineJob", {}).get("labels", {})
    ]
    if as_json:
        fields = ("displayName", "name", "state", "cron", "nextRunTime")
        return print_json({"schedules": [{field: one.get(field) for field in fields} for one in found]})
    from pipeline.vertex_display import show_schedules

    if found:
        show_schedules(console(), found)
    else:
        console().print("There are no schedules yet; make one with [bold]w2v2 schedule apply[/bold].")
    return 0


def pause(config: ScheduleConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> int:
    """Pause the schedule; a run that has begun goes on."""
    return _told("pause", config, as_json)


def resume(config: ScheduleConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> int:
    """Let the schedule fire again, without the runs that it has missed."""
    return _told("resume", config, as_json)


def delete(config: ScheduleConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> int:
    """Delete the schedule; a run that has begun goes on."""
    return _told("delete", config, as_json)


def run_now(
    config: ScheduleConfigOption = DEFAULT_CONFIG, anyway: AnywayOption = False, as_json: JsonOption = False
) -> int:
    """Start the run that the schedule would start, now; the schedule stays as it is."""
    from pipeline.vertex.runs import run_of
    from pipeline.vertex.schedule import the_one
    from pipeline.vertex.submission import require_none_running, start_again

    chosen, service = _service("schedule run-now", config)
    if not anyway:
        require_none_running(service, chosen)
    found = the_one(service, _name(chosen))
    _leave_record(chosen)
    run = run_of(start_again(service, found["createPipelineJobRequest"]["pipelineJob"], _name(chosen), _now()))
    if as_json:
        return print_json(run.to_json())
    console().print(f"Started {run.run_id}: {run.link}", soft_wrap=True)
    return 0


def _told(verb: str, config: str, as_json: bool) -> int:
    from pipeline.vertex.schedule import the_one

    chosen, service = _service(f"schedule {verb}", config)
    name = the_one(service, _name(chosen))["name"]
    getattr(service, f"{verb}_schedule")(name)
    if as_json:
        return print_json({"schedule": name, "done": verb})
    console().print(f"Done: {verb} {name}", soft_wrap=True)
    return 0


def _planned(
    command: str, config: str, as_json: bool
) -> tuple[PipelineConfig, VertexService, SchedulePlan, CompiledPipeline]:
    from pipeline.foreground import shown
    from pipeline.vertex.compile import compile_for_vertex
    from pipeline.vertex.schedule import planned, wanted_schedule
    from pipeline.vertex.submission import job_of

    chosen, service = _service(command, config)
    vertex = chosen.vertex
    assert vertex is not None
    with shown(None if as_json else console(), "Compile"):
        compiled = compile_for_vertex(chosen)
    parent = f"projects/{vertex.project}/locations/{vertex.region}"
    wanted = wanted_schedule(_name(chosen), chosen.schedule, parent, job_of(compiled, vertex))
    return chosen, service, planned(service, wanted), compiled


def _prepare(config: PipelineConfig, compiled: CompiledPipeline) -> None:
    """Looks at what the runs need, and puts what is missing in its place."""
    from pipeline.vertex import preflight, submission

    assert config.vertex is not None
    preflight.look(config.vertex)
    submission.place_needs(config, compiled)


def _leave_record(config: PipelineConfig) -> None:
    """Leaves below the pipeline root what `w2v2 runs` and others must know of the runs."""
    from pipeline.vertex.cloud_workspace import CloudWorkspace

    assert config.vertex is not None
    CloudWorkspace.at(config.vertex.pipeline_root).write_record(config)


def _show(config: PipelineConfig, planned: SchedulePlan, as_json: bool, name: str | None = None) -> int:
    from pipeline.vertex.schedule import fires

    times = fires(config.schedule, _now())
    if as_json:
        told: dict[str, Any] = {
            "schedule": planned.wanted["displayName"],
            "action": planned.action,
            "difference": planned.difference,
            "surplus": planned.surplus,
            "is_paused": planned.is_paused,
            "next_times": [time.isoformat() for time in times],
        }
        return print_json(told if name is None else {**told, "name": name})
    from pipeline.vertex_display import show_plan

    show_plan(console(), planned, times)
    return 0


def _service(command: str, config: str) -> tuple[PipelineConfig, VertexService]:
    require_extra(command, "pipeline", "tfx")
    from pipeline.config import load_config
    from pipeline.vertex.compile import require_vertex
    from pipeline.vertex.service import VertexService

    chosen = load_config(config)
    settings = require_vertex(chosen)
    return chosen, VertexService(settings.project, settings.region)


def _name(config: PipelineConfig) -> str:
    from pipeline.vertex.inputs import runner_name

    return runner_name(config)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


for _command in (plan, apply, list_, pause, resume, delete, run_now):
    schedule.command(name=_command.__name__.strip("_").replace("_", "-"), cls=Command)(ending_in_code(_command))
