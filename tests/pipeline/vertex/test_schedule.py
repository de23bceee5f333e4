"""Schedules: planned, applied, and applied again, on the service of the tests."""

import datetime as dt
from typing import Any

import pytest

from model.errors import ConfigurationError, TryAgainError, UsageError
from pipeline.vertex.schedule import (
    JOB_LABEL,
    SCHEDULE_LABEL,
    apply,
    find,
    fires,
    planned,
    the_one,
    wanted_schedule,
)
from pipeline.vertex.schedule_settings import ScheduleSettings
from pipeline.vertex.service import VertexService
from tests.fake_vertex import LOST

PARENT = "projects/speech-team/locations/us-central1"
MONDAYS = ScheduleSettings("0 3 * * 1", "Europe/Berlin")
NOW = dt.datetime(2026, 10, 25, 12, tzinfo=dt.timezone.utc)
JOB = {
    "displayName": "local",
    "labels": {"version": "0-1-0"},
    "serviceAccount": "runner@speech-team.iam",
    "pipelineSpec": {"root": {"dag": {"tasks": {"Trainer": {"steps": 100.0}}}}},
}


@pytest.fixture
def service(vertex):
    return VertexService("speech-team", "us-central1", sleep=lambda _: None)


def wanted(settings=MONDAYS, **changes):
    return wanted_schedule("local", settings, PARENT, {**JOB, **changes})


def applied(service, one):
    return apply(service, planned(service, one), NOW)


def hashless(lines):
    return [line for line in lines if not line.startswith(f"labels.{JOB_LABEL}:")]


def with_steps(steps) -> Any:
    return {"pipelineSpec": {"root": {"dag": {"tasks": {"Trainer": {"steps": steps}}}}}}


def test_a_schedule_never_overlaps_and_carries_its_name(vertex, service):
    name = applied(service, wanted())
    stored = vertex.stored["schedules"][name]
    assert stored["cron"] == "TZ=Europe/Berlin 0 3 * * 1"
    assert stored["maxConcurrentRunCount"] == stored["maxConcurrentActiveRunCount"] == "1"
    assert not stored.get("allowQueueing", False)
    assert "startTime" not in stored
    request = stored["createPipelineJobRequest"]
    assert request["parent"] == PARENT
    labels = request["pipelineJob"]["labels"]
    assert {**request["pipelineJob"], "labels": None} == {**JOB, "labels": None}
    assert {**labels, JOB_LABEL: ""} == {"version": "0-1-0", SCHEDULE_LABEL: "local", JOB_LABEL: ""}
    assert len(labels[JOB_LABEL]) == 16


def test_applied_twice_nothing_happens(vertex, service):
    first = applied(service, wanted())
    plan = planned(service, wanted())
    assert (plan.action, plan.difference) == ("nothing", [])
    before = len(vertex.requests)
    assert apply(service, plan, NOW) == first
    assert len(vertex.requests) == before


def test_another_time_is_changed_in_place(vertex, service):
    first = applied(service, wanted())
    plan = planned(service, wanted(ScheduleSettings("30 4 * * 2", "UTC")))
    assert plan.action == "update"
    assert plan.difference == ["cron: TZ=Europe/Berlin 0 3 * * 1 → TZ=UTC 30 4 * * 2"]
    assert apply(service, plan, NOW) == first
    assert vertex.stored["schedules"][first]["cron"] == "TZ=UTC 30 4 * * 2"
    assert planned(service, wanted(ScheduleSettings("30 4 * * 2", "UTC"))).action == "nothing"


def test_another_pipeline_is_made_anew_and_begins_when_the_old_one_is_gone(vertex, service):
    first = applied(service, wanted())
    plan = planned(service, wanted(**with_steps(200.0)))
    assert plan.action == "recreate"
    assert hashless(plan.difference) == ["pipelineSpec.root.dag.tasks.Trainer.steps: 100.0 → 200.0"]
    second = apply(service, plan, NOW)
    assert second != first
    assert list(vertex.stored["schedules"]) == [second]
    assert vertex.stored["schedules"][second]["startTime"] == "2026-10-25T12:01:00Z"
    assert planned(service, wanted(**with_steps(200.0))).action == "nothing"


def test_who_it_runs_as_cannot_be_changed_in_place(service):
    applied(service, wanted())
    plan = planned(service, wanted(serviceAccount="other@speech-team.iam"))
    assert plan.action == "recreate"
    assert hashless(plan.difference) == ['serviceAccount: "runner@speech-team.iam" → "other@speech-team.iam"']


def test_what_the_service_fills_in_is_no_difference(vertex, service):
    name = applied(service, wanted())
    vertex.stored["schedules"][name]["createPipelineJobRequest"]["pipelineJob"]["network"] = (
        "projects/1/networks/default"
    )
    assert planned(service, wanted()).action == "nothing"


def test_a_paused_schedule_stays_paused(vertex, service):
    service.pause_schedule(applied(service, wanted()))
    plan = planned(service, wanted(**with_steps(200.0)))
    assert plan.is_paused
    name = apply(service, plan, NOW)
    assert vertex.stored["schedules"][name]["state"] == "PAUSED"


def test_it_goes_on_without_the_runs_that_it_has_missed(vertex, service):
    name = applied(service, wanted())
    service.pause_schedule(name)
    service.resume_schedule(name)
    assert vertex.stored["schedules"][name]["state"] == "ACTIVE"
    assert vertex.stored["schedules"][name]["catchUp"] is False


def test_stopped_half_way_the_next_one_takes_the_old_one_away(vertex, service):
    first = applied(service, wanted())
    plan = planned(service, wanted(**with_steps(200.0)))
    vertex.faults = [None, *[(503, "Unavailable.")] * 4]
    with pytest.raises(TryAgainError, match=f"must delete {first}"):
        apply(service, plan, NOW)
    assert len(vertex.stored["schedules"]) == 2
    plan = planned(service, wanted(**with_steps(200.0)))
    assert (plan.action, plan.surplus) == ("nothing", [first])
    second = apply(service, plan, NOW)
    assert list(vertex.stored["schedules"]) == [second]


def test_a_schedule_whose_answer_was_lost_is_not_made_twice(vertex, service):
    vertex.faults = [None, LOST]
    plan = planned(service, wanted())
    with pytest.raises(TryAgainError, match="must make the schedule local, and did not .*run again later"):
        apply(service, plan, NOW)
    assert len(vertex.stored["schedules"]) == 1
    assert planned(service, wanted()).action == "nothing"


def test_a_schedule_that_is_gone_already_is_deleted(vertex, service):
    name = applied(service, wanted())
    service.delete_schedule(name)
    service.delete_schedule(name)
    assert vertex.stored["schedules"] == {}


def test_somebody_else_s_schedule_of_this_name_is_left_alone(vertex, service):
    service.create_schedule({**wanted(), "createPipelineJobRequest": {"parent": PARENT, "pipelineJob": JOB}})
    with pytest.raises(UsageError, match="named 'local', has not: somebody else made it; rename or delete that one"):
        planned(service, wanted())
    assert len(vertex.stored["schedules"]) == 1


def test_a_completed_schedule_does_not_count(vertex, service):
    name = applied(service, wanted())
    vertex.stored["schedules"][name]["state"] = "COMPLETED"
    assert find(service, "local") == []
    with pytest.raises(UsageError, match="There must be a schedule named 'local', and there is none"):
        the_one(service, "local")


def test_a_configuration_without_a_time_has_no_schedule():
    with pytest.raises(UsageError, match="A schedule must say when it fires"):
        wanted(ScheduleSettings())


def test_settings_are_checked():
    with pytest.raises(ConfigurationError, match="schedule.cron must name times that there are"):
        ScheduleSettings("0 0 31 2 *")
    with pytest.raises(ConfigurationError, match="schedule.time_zone must be a name"):
        ScheduleSettings("0 3 * * 1", "Nowhere")


def test_the_next_five_times():
    assert [time.date().isoformat() for time in fires(MONDAYS, NOW)] == [
        *("2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23"),
    ]
