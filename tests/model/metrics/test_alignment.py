"""Which word was heard for which."""

from hypothesis import given, settings
from hypothesis import strategies as st

from model.metrics import AlignedWord, align_words, align_words_of

WORDS = st.lists(st.sampled_from(["A", "BE", "SEE"]), max_size=6).map(" ".join)


def test_by_hand():
    assert align_words("THE CAT SAT", "A CAT SAT DOWN") == [
        AlignedWord("substitute", "THE", "A"),
        AlignedWord("equal", "CAT", "CAT"),
        AlignedWord("equal", "SAT", "SAT"),
        AlignedWord("insert", "", "DOWN"),
    ]
    assert align_words("A B", "B") == [AlignedWord("delete", "A", ""), AlignedWord("equal", "B", "B")]
    assert align_words("", "A") == [AlignedWord("insert", "", "A")]
    assert align_words("A", "") == [AlignedWord("delete", "A", "")]
    assert align_words("", "") == []
    assert align_words_of([], []) == []


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), max_size=4))
def test_many_are_aligned_as_each_alone_and_hold_every_word(pairs):
    references, hypotheses = [left for left, _ in pairs], [right for _, right in pairs]
    found = align_words_of(references, hypotheses)
    assert found == [align_words(left, right) for left, right in pairs]
    for steps, left, right in zip(found, references, hypotheses, strict=True):
        assert [step.reference for step in steps if step.kind != "insert"] == left.split()
        assert [step.hypothesis for step in steps if step.kind != "delete"] == right.split()
        assert all((step.reference == step.hypothesis) == (step.kind == "equal") for step in steps)
