"""The model to compare with: the latest blessed one that nobody has rejected since."""

import pytest
from tfx.types import standard_artifacts

from components.latest_standing_model import LatestStandingModelStrategy


def model(number):
    made = standard_artifacts.Model()
    made.id = number
    return made


def blessing(number, of, blessed, digest, decision=None):
    made = standard_artifacts.ModelBlessing()
    made.id = number
    made.set_int_custom_property("blessed", blessed)
    made.set_int_custom_property("current_model_id", of)
    made.set_string_custom_property("release_digest", digest)
    if decision is not None:
        made.set_string_custom_property("decision", decision)
    return made


def resolve(models, blessings):
    found = LatestStandingModelStrategy().resolve_artifacts(None, {"model": models, "model_blessing": blessings})
    assert found is not None
    return [[one.id for one in found[key]] for key in ("model", "model_blessing")]


ACCEPTED = (11, 1, 1, "a")
WAITING = (12, 2, 0, "b")


@pytest.mark.parametrize(
    ("blessings", "expected"),
    [
        ([], [[], []]),
        ([ACCEPTED], [[1], [11]]),
        ([ACCEPTED, WAITING], [[1], [11]]),
        ([ACCEPTED, WAITING, (13, 2, 1, "b", "approve")], [[2], [13]]),
        ([ACCEPTED, WAITING, (13, 2, 1, "b", "approve"), (14, 2, 0, "b", "reject")], [[1], [11]]),
        ([(14, 2, 0, "b", "reject"), (15, 2, 1, "b", "approve"), ACCEPTED, WAITING], [[2], [15]]),
        ([ACCEPTED, (13, 1, 0, "a", "reject")], [[], []]),
        # A later evaluation of the same release does not outweigh a person's word; nor does another copy of it.
        ([ACCEPTED, (13, 1, 0, "a", "reject"), (16, 1, 1, "a")], [[], []]),
        ([ACCEPTED, (13, 1, 0, "a", "reject"), (16, 2, 1, "a")], [[], []]),
        ([ACCEPTED, (13, 1, 0, "a", "reject"), (16, 2, 1, "c")], [[2], [16]]),
        # The gate's own no is not a person's.
        ([ACCEPTED, (13, 1, 0, "a")], [[1], [11]]),
    ],
)
def test_the_last_word_of_a_person_counts(blessings, expected):
    assert resolve([model(1), model(2)], [blessing(*values) for values in blessings]) == expected


def test_a_rejection_that_names_no_release_rejects_none():
    assert resolve([model(1)], [blessing(11, 1, 1, ""), blessing(12, 1, 0, "", "reject")]) == [[1], [11]]


def test_without_a_model_there_is_none():
    assert resolve([], [blessing(*ACCEPTED)]) == [[], []]
