"""The text of the convolutions in fairseq's settings: read as Python would, and never run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.checkpoint.fairseq_settings import MAX_LAYERS, parse_conv_layers
from model.errors import CheckpointError

CONV = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]"


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        (CONV, [(512, 10, 5), *[(512, 3, 2)] * 4, (512, 2, 2), (512, 2, 2)]),
        ("[(512, 10, 5), (512, 8, 4)] + [(512, 4, 2)] * 3 + [(512, 1, 1)]", None),
        ("2 * [(8, 2 * 5, 4 + 1)]", [(8, 10, 5), (8, 10, 5)]),
        ("((8, 3, 2),) * 2 + ((16, 2, 2),)", [(8, 3, 2), (8, 3, 2), (16, 2, 2)]),
        ("  [[8, 3, 2]]\n", [(8, 3, 2)]),
    ],
)
def test_the_convolutions_are_what_python_would_give(text, layers):
    expected = layers or [(512, 10, 5), (512, 8, 4), *[(512, 4, 2)] * 3, (512, 1, 1)]
    assert parse_conv_layers(text, "model.pt") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[]",
        "[()]",
        "[(512, 10)]",
        "[(512, 10, 5, 1)]",
        "[(512, 10, 0)]",
        "[(512, 10, [5])]",
        "[(512, 10, 5)] + ((512, 3, 2),)",
        "[(512, 10, 5)] + 3",
        "[(512, 10, 5)] * [2]",
        "[(512, 10, 5)] * 0",
        "[(512, 10, 5)] - [(512, 10, 5)]",
        "[(512, 10, 5)] ** 2",
        "[(512, 10, 5)][0]",
        "([(512, 10, 5)])(1)",
        "[(512, 10, 5) for _ in (1, 2)]",
        "[*[(512, 10, 5)]]",
        "(lambda: 1)()",
        "open('/etc/passwd').read()",
        "__import__('os')",
        "().__class__",
        "[(512, 10, 5)] if 1 else []",
        "[(512, 10, 5.0)]",
        "[(512, 10, True)]",
        "[(512, 10, -5)]",
        "[(5_12, 10, 5)]",
        "[(512, 010, 5)]",
        "[(512, 10, 5)]; [(512, 10, 5)]",
        "[(512, 10, 5)]\x00",
        "[(512, 10, ٥)]",
        "[(512, 10, 5)] * 9999999999",
        "[[[(1, 1, 1)] * 200] * 200] * 200",
        "[(1, 1, 1)] * 100 * 100 * 100",
        f"[(1, 1, 1)] * {MAX_LAYERS + 1}",
        "[(9999999, 1, 1)]",
        "[(1000 * 1000 * 1000, 1, 1)]",
        "9" * 900,
        "[" * 150 + "]" * 150,
        "[" * 490 + "]" * 490,
        "(" * 999,
        "+" * 999,
        "+".join(["[(1,1,1)]"] * 40),
        "1+" * 499 + "1",
        "[(512, 10, 5)]" + " " * 1000,
    ],
)
def test_a_hostile_text_is_refused(text):
    with pytest.raises(CheckpointError, match=r"conv_feature_layers of model\.pt must be a list"):
        parse_conv_layers(text, "model.pt")


expressions = st.recursive(
    st.integers(0, 2000).map(str),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(inner, min_size=1, max_size=4).map(lambda items: f"({', '.join(items)},)"),
        st.tuples(inner, st.sampled_from("+*"), inner).map(" ".join),
    ),
    max_leaves=12,
)


@given(st.one_of(st.text(), st.text(alphabet="[](),+* 0123456789", max_size=60), expressions))
def test_no_text_does_more_than_be_refused(text):
    try:
        layers = parse_conv_layers(text, "model.pt")
    except CheckpointError:
        return
    assert 1 <= len(layers) <= MAX_LAYERS
    assert all(len(layer) == 3 and min(layer) >= 1 for layer in layers)


# At most 1,000 characters long when written: 50 layers of at most 19.
@given(st.lists(st.tuples(*[st.integers(1, 4096)] * 3), min_size=1, max_size=50))
def test_every_written_list_of_layers_is_read(layers):
    assert parse_conv_layers(repr(layers), "model.pt") == layers
