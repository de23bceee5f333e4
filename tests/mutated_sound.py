"""Damaged files of sound, drawn by hypothesis."""

from hypothesis import strategies as st


@st.composite
def mutated(draw, contents):
    """A strategy of the contents, with bytes flipped, cut off and inserted; headers, which decide the most, often.

    Args:
      contents: A strategy of whole files.
    """
    content = bytearray(draw(contents))
    for _ in range(draw(st.integers(1, 4))):
        end = draw(st.sampled_from([64, len(content)]))
        place = draw(st.integers(0, max(0, min(end, len(content)) - 1)))
        action = draw(st.sampled_from(["flip", "cut", "insert"]))
        if action == "insert" or not content:
            content[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif action == "cut":
            del content[place:]
        else:
            content[place] ^= draw(st.integers(1, 255))
    return bytes(content)
