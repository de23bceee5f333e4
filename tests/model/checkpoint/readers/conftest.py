"""Writes pickles and checkpoint files byte by byte, so that tests can write wrong ones too."""

import io
import tracemalloc
import zipfile

import pytest

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


class PickleWriter:
    """Each method returns the bytes that push one value."""

    ordered_dict = b"ccollections\nOrderedDict\n)R"

    def text(self, value):
        return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()

    def number(self, value):
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data

    def name(self, module, name):
        return f"c{module}\n{name}\n".encode()

    def tuple(self, *items):
        return b"(" + b"".join(items) + b"t"

    def list(self, *items):
        return b"](" + b"".join(items) + b"e"

    def dict(self, **items):
        return b"}(" + b"".join(self.text(key) + value for key, value in items.items()) + b"u"

    def call(self, module, name, *arguments):
        return self.name(module, name) + self.tuple(*arguments) + b"R"

    def storage(self, kind="FloatStorage", key="0", count=6, view=None):
        module = "torch.storage" if kind == "UntypedStorage" else "torch"
        items = [self.text("storage"), self.name(module, kind), self.text(key), self.text("cpu"), self.number(count)]
        return self.tuple(*items, *([] if view is None else [view])) + b"Q"

    def tensor(self, storage=None, first=0, shape=(2, 3), strides=(3, 1)):
        return self.call(
            "torch._utils",
            "_rebuild_tensor_v2",
            self.storage() if storage is None else storage,
            self.number(first),
            self.tuple(*map(self.number, shape)),
            self.tuple(*map(self.number, strides)),
            b"\x89",
            self.ordered_dict,
        )

    def whole(self, value):
        return b"\x80\x02" + value + b"."

    def zip_file(self, value, storages=None, compression=zipfile.ZIP_STORED, **members):
        """Returns an archive of torch.save; `storages` are the bytes by key."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            archive.writestr("archive/data.pkl", self.whole(value))
            for name, content in members.items():
                archive.writestr(f"archive/{name}", content)
            for key, content in (storages or {}).items():
                archive.writestr(f"archive/data/{key}", content)
            archive.writestr("archive/version", b"3\n")
        return stream.getvalue()

    def legacy_file(self, value, storages=None, little_endian=b"\x88", version=1001):
        """Returns a file of the format before; `storages` are a count and the bytes by key."""
        storages = storages or {}
        parts = [MAGIC, self.whole(self.number(version)), self.whole(self.dict(little_endian=little_endian))]
        parts += [self.whole(value), self.whole(self.list(*map(self.text, storages)))]
        parts += [count.to_bytes(8, "little") + content for count, content in storages.values()]
        return b"".join(parts)


@pytest.fixture(scope="session")
def pickles():
    """Writes pickles, and files around them."""
    return PickleWriter()


@pytest.fixture
def measure_memory():
    """Returns a function; called, it begins to count, and returns one that tells the peak since then in bytes."""

    def begin():
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        return lambda: tracemalloc.get_traced_memory()[1] - before

    yield begin
    tracemalloc.stop()
