"""Archives that are damaged or made to do harm, drawn at random: whatever they name, they stay in their place."""

import io
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs.librispeech import unpacking
from beam_jobs.librispeech.archives import unpack_archive
from model.errors import DataError
from tests.tar_files import GOOD, NAMES_THAT_ARE_NOT_OF_THE_LAYOUT, SOUND, entry, files, tar, tree


def outcome(content):
    """Unpacks in a place of its own; returns its files, or None where it was refused."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "a" / "out"
        try:
            unpack_archive(io.BytesIO(content), out)
        except DataError:
            assert [path.name for path in out.iterdir()] == [".unpack.lock"], "nothing is left"
            found = None
        else:
            found = tree(out)
            assert not any(path.is_symlink() for path in out.rglob("*"))
        assert [path.name for path in Path(place).iterdir()] == ["a"], "nothing is outside"
        assert [path.name for path in (Path(place) / "a").iterdir()] == ["out"]
        return found


SMALL = tar(GOOD)
SMALL_TAR = tar(GOOD, gz=False)
MUTATIONS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), min_size=1, max_size=4)


@settings(max_examples=100, deadline=None)
@given(mutations=MUTATIONS, cut=st.none() | st.integers(0, len(SMALL)))
def test_a_mutated_gzip_is_refused_or_its_content_is_whole(mutations, cut):
    content = bytearray(SMALL)
    for place, change in mutations:
        content[place % len(content)] ^= change
    assert outcome(bytes(content[:cut])) in (None, files(GOOD))


@settings(max_examples=100, deadline=None)
@given(mutations=MUTATIONS, cut=st.none() | st.integers(0, len(SMALL_TAR)))
def test_a_mutated_tar_stays_in_its_place(mutations, cut):
    content = bytearray(SMALL_TAR)
    for place, change in mutations:
        content[place % len(content)] ^= change
    found = outcome(bytes(content[:cut]))
    assert found is None or set(found) <= set(files(GOOD))


PIECES = st.sampled_from(
    [
        "LibriSpeech",
        "test-a",
        "train-b",
        "..",
        ".",
        "",
        "1",
        "2",
        "1-2-3.flac",
        "1-2.trans.txt",
        "SPEAKERS.TXT",
        "~",
        "\n",
    ]
)
HOSTILE_NAMES = st.one_of(
    st.lists(PIECES, max_size=7).map("/".join),
    st.sampled_from([*NAMES_THAT_ARE_NOT_OF_THE_LAYOUT, *GOOD, "LibriSpeech/test-a/1/2/1-2-3.flac"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
TYPES = st.sampled_from([tarfile.REGTYPE, tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE,
                         tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_LONGNAME,
                         tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_SPARSE])  # fmt: skip
HOSTILE = st.lists(
    st.builds(
        lambda name, content, kind, link: entry(name, content, type=kind, linkname=link),
        HOSTILE_NAMES,
        st.binary(max_size=40) | st.just(b"11 path=../x\n") | st.just(b"../../x\0"),
        TYPES,
        st.sampled_from(["", "/etc", "../../..", SOUND]),
    ),
    max_size=6,
)


@settings(max_examples=120, deadline=None)
@given(members=HOSTILE, form=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]), gz=st.booleans())
def test_whatever_an_archive_names_it_stays_in_its_place(members, form, gz):
    found = outcome(tar(members, gz, form))
    assert found is None or all(unpacking._FILE.fullmatch(name) or unpacking._TABLE.fullmatch(name) for name in found)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=2_000), prefix=st.sampled_from([b"", b"\x1f\x8b\x08", SMALL_TAR[:1024]]))
def test_noise_is_refused(content, prefix):
    assert outcome(prefix + content) is None
