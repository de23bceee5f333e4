"""What runs a job is said by Beam's flags; what does not fit is refused before anything runs."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DirectOptions

from beam_jobs import engines
from model.errors import DataError, DiskFullError, UsageError

CLOUD = ("--runner=DataflowRunner", "--project=speech-project", "--region=europe-west4", "--temp_location=gs://b/tmp")


def refused(*flags):
    with pytest.raises(UsageError) as caught:
        engines.pipeline_maker(flags)
    return str(caught.value)


def test_one_worker_is_this_process_and_more_are_processes():
    assert engines.direct_flags(1) == []
    direct = engines.pipeline_maker(engines.direct_flags(3))().options.view_as(DirectOptions)
    assert (direct.direct_num_workers, direct.direct_running_mode) == (3, "multi_processing")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--frob=1",), "Flags behind the job's own must be flags of Beam, and --frob is none; correct it."),
        (
            ("--direct_num_workers=2", "word"),
            "Flags behind the job's own must be flags of Beam, and word is none; correct it.",
        ),
        (
            ("--direct_num_workers=two",),
            "Flags of Beam must have values that Beam takes: argument --direct_num_workers: invalid int value: 'two';"
            " correct them.",
        ),
        (("--runner=DaskRunner",), "--runner must be DirectRunner or DataflowRunner, not DaskRunner."),
        (("--runner=Nonsense",), "--runner must be DirectRunner or DataflowRunner, not Nonsense."),
        (
            (*CLOUD, "--template_location=gs://b/t"),
            "A job is run and not written down as a template; leave out --template_location.",
        ),
        (
            (*CLOUD, "--sdk_location=container"),
            "--sdk_location=container says that a container has this project's package, and Beam's has not; name one"
            " with --sdk_container_image.",
        ),
        (
            ("--help",),
            "Flags of Beam must have values that Beam takes: --help is none of them; correct them.",
        ),
        (CLOUD[:1], "A job on Dataflow needs --project; add it, such as --project=my-project."),
        (CLOUD[:2], "A job on Dataflow needs --region; add it, such as --region=europe-west4."),
        (CLOUD[:3], "A job on Dataflow needs --temp_location; add it, such as --temp_location=gs://my-bucket/tmp."),
        (
            (*CLOUD[:3], "--temp_location=/tmp"),
            "--temp_location must be an address in Cloud Storage, gs://…, not /tmp.",
        ),
    ],
)
def test_flags_that_do_not_fit_are_refused(flags, message):
    assert refused(*flags) == message


def test_flags_take_their_values_in_both_forms():
    flags = ["--direct_num_workers", "2", "--direct_running_mode=multi_threading"]
    direct = engines.pipeline_maker(flags)().options.view_as(DirectOptions)
    assert (direct.direct_num_workers, direct.direct_running_mode) == (2, "multi_threading")


def test_beam_says_what_else_does_not_fit(dataflow):
    flags = [flag for flag in dataflow.flags if "project" not in flag]
    make_pipeline = engines.pipeline_maker([*flags, "--project=Not A Project"])
    with pytest.raises(UsageError, match=r"Beam's flags must fit together: Invalid Project ID \(Not A Project\)"):
        make_pipeline()


def test_places_that_dataflows_workers_cannot_reach_are_refused():
    engines.require_reachable([], ["/tmp/here"])
    engines.require_reachable(CLOUD, ["gs://b/out"])
    with pytest.raises(UsageError, match=r"must be in Cloud Storage, and /tmp/here is on this machine; name a gs://"):
        engines.require_reachable(CLOUD, ["gs://b/out", "/tmp/here"])


class Fail(beam.DoFn):
    def __init__(self, error):
        self._error = error

    def process(self, element):
        raise self._error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (DataError("The third line must be text; mend it."), DataError, r"^The third line must be text; mend it\.$"),
        (OSError(28, "No space left on device"), DiskFullError, "file system that the job writes to is full"),
        (ZeroDivisionError("odd"), Exception, "odd"),
    ],
)
def test_what_a_worker_raises_is_raised(error, kind, message):
    pipeline = engines.pipeline_maker([])()
    _ = pipeline | beam.Create([1]) | beam.ParDo(Fail(error))
    with pytest.raises(kind, match=message):
        engines.run(pipeline, "job", (), lambda counters: None)
