"""The directory of an archive is believed only where the archive agrees."""

import io
import struct
import zipfile

import pytest

from model.checkpoint.readers.byte_file import ByteFile
from model.checkpoint.readers.zip_members import ZipMember, read_zip_members
from model.errors import CheckpointError


@pytest.fixture
def read(tmp_path):
    def read_bytes(data):
        path = tmp_path / "x.zip"
        path.write_bytes(data)
        return read_zip_members(ByteFile.at(path))

    return read_bytes


@pytest.fixture
def archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a/one", b"11111")
        file.writestr("a/two", b"22")
    return stream.getvalue()


def test_members_are_where_they_are(archive, read):
    members = read(archive)
    assert list(members) == ["a/one", "a/two"]
    one, two = members.values()
    assert archive[one.offset_bytes : one.offset_bytes + one.size_bytes] == b"11111"
    assert archive[two.offset_bytes : two.offset_bytes + two.size_bytes] == b"22"
    assert one == ZipMember(35, 5, is_stored=True)


def test_the_fields_for_large_files(read):
    data = b"content"
    name = b"a"
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 45, 0, 0, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0) + name
    extra = struct.pack("<2HB", 0x7075, 1, 0) + struct.pack("<2H3Q", 1, 24, len(data), len(data), 0)
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 45, 45, 0, 0, 0, 0, 0, 2**32 - 1, 2**32 - 1, 1, len(extra), 0, 0, 0, 0, 2**32 - 1
    )
    central += name + extra
    start = len(local) + len(data)
    end_64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(central), start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(central), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    whole = local + data + central + end_64 + locator + end
    assert read(whole) == {"a": ZipMember(len(local), len(data))}
    with pytest.raises(CheckpointError, match="the size of 'a' must be in its directory, and is not"):
        read(whole.replace(struct.pack("<2H", 1, 24), struct.pack("<2H", 1, 16)))
    with pytest.raises(CheckpointError, match="the place of its directory must be where it says"):
        read(whole.replace(b"PK\x06\x06", b"PK\x06\x05"))


def replace_last(data, old, new):
    head, _, tail = data.rpartition(old)
    return head + new + tail


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "must end with the directory of its members"),
        (lambda data: b"PK\x03\x04" + data, "its directory must lie right before its end"),
        (lambda data: data[:35] + b"1" + data[35:], "its directory must lie right before its end"),
        (lambda data: replace_last(data, b"a/two", b"a/one"), "must hold each member once, and holds 'a/one' twice"),
        (lambda data: replace_last(data, b"a/two", b"a/tww"), "'a/tww' must lie where its directory says"),
        (lambda data: replace_last(data, b"a/two", b"a/\xffwo"), r"must be UTF-8; it is b'a/\\xffwo'"),
        (lambda data: replace_last(data, b"PK\x01\x02", b"PK\x01\x03"), "member 1 of its directory must be whole"),
        (lambda data: data.replace(b"PK\x03\x04", b"PK\x03\x05"), "'a/one' must lie where its directory says, at 0"),
        (
            lambda data: data[:-14] + b"\x03\0\x03\0" + data[-10:],
            "must list 3 members, and lists 2|room for its members",
        ),
        (lambda data: data[:-14] + b"\x01\0\x01\0" + data[-10:], "its directory must end after 1 members, and goes on"),
        (lambda data: data[:-18] + b"\x01\0" + data[-16:], "it must be one file, and is a part of several"),
        (
            lambda data: data[:-18] + b"\0\0\0\0\xff\xff\xff\xff" + data[-10:],
            "have room for its members; it says 65535",
        ),
    ],
)
def test_damaged_archives(change, message, archive, read):
    changed = change(archive)
    assert changed != archive
    with pytest.raises(CheckpointError, match=message):
        read(changed)


@pytest.mark.parametrize(
    ("offset", "field", "message"),
    [
        (8, struct.pack("<H", 1), "must not be encrypted, and 'a/one' in it is"),
        (20, struct.pack("<L", 6), "'a/one' must be as long as it is in the archive; 5 is not 6"),
        (20, struct.pack("<2L", 10**9, 10**9), "'a/one' must lie where its directory says"),
        (42, struct.pack("<L", 10**9), "'a/one' must lie where its directory says, at 1000000000"),
        (42, struct.pack("<L", 2**32 - 1), "the size of 'a/one' must be in its directory"),
        (28, struct.pack("<H", 2000), "member 0 of its directory must be whole"),
    ],
)
def test_a_directory_that_lies(offset, field, message, archive, read):
    start = archive.index(b"PK\x01\x02") + offset
    with pytest.raises(CheckpointError, match=message):
        read(archive[:start] + field + archive[start + len(field) :])
