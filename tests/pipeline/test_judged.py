"""What was judged in a run, by its outputs."""

import pytest

from pipeline.judged import StoredArtifact, find_judged


def artifact(type_name, uri, **properties):
    return StoredArtifact(type_name.lower(), type_name, uri, properties)


@pytest.mark.parametrize("type_name", ["components.Evaluation", "Evaluation"])
def test_the_blessing_is_that_of_the_evaluation_and_not_what_a_resolver_found(type_name):
    resolved = [artifact("Model", "old"), artifact("ModelBlessing", "of old")]
    evaluated = [artifact(type_name, "e", release_digest="6", model_digest="5"), artifact("ModelBlessing", "of new")]
    for outputs in ([resolved, evaluated], [evaluated, resolved]):
        judged = find_judged(outputs, "/place")
        assert judged is not None
        assert (judged.evaluation.uri, judged.blessing and judged.blessing.uri) == ("e", "of new")
        assert (judged.release_digest, judged.model_digest) == ("6", "5")
        assert judged.decisions_place == "/place/decisions"
    assert find_judged([resolved], "/place") is None


def test_releases_are_the_same_by_their_digest_within_a_pipeline():
    one, two, three = (
        find_judged([[artifact("Evaluation", uri, release_digest=digest)]], root)
        for uri, digest, root in (("a", "6", "/place"), ("b", "6", "/place"), ("c", "6", "/other"))
    )
    assert one is not None
    assert two is not None
    assert three is not None
    assert one.is_same_release(two)
    assert not one.is_same_release(three)


def test_an_evaluation_that_names_no_release_has_no_decisions(tmp_path):
    judged = find_judged([[artifact("Evaluation", "e")]], str(tmp_path))
    assert judged is not None
    assert judged.read_decisions() == ()
    assert judged.blessing is None
