"""Cloud Storage, as far as the client libraries of Python, Beam and TensorFlow speak to it, in JSON and XML.

The emulator that the other tests use knows neither objects whose names end in '/', with which TensorFlow marks
directories, nor empty uploads.
"""

import base64
import dataclasses
import hashlib
import itertools
import json
import re
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

_PAGE = 1000
_BUCKET = re.compile(r"/storage/v1/b/(?P<bucket>[^/]+)")
_LISTING = re.compile(rf"{_BUCKET.pattern}/o")
_OBJECT = re.compile(rf"{_LISTING.pattern}/(?P<name>[^/]+)")
_REWRITE = re.compile(rf"{_OBJECT.pattern}/(?:rewriteTo|copyTo)/b/(?P<to_bucket>[^/]+)/o/(?P<to_name>[^/]+)")
_DOWNLOAD = re.compile(r"/download/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>[^/]+)")
_UPLOAD = re.compile(r"/(?:resumable/)?upload/storage/v1/b/(?P<bucket>[^/]+)/o")
_XML = re.compile(r"/(?P<bucket>[^/]+)/(?P<name>.+)")
_PART = re.compile(rb"(?P<method>[A-Z]+) (?P<path>\S+)(?: HTTP/\S+)?\r?\n")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What an HTTP server says."""

    status: int
    content: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, value, status=200):
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=UTF-8"})


@dataclasses.dataclass(frozen=True)
class _Object:
    content: bytes
    generation: int
    content_type: str
    written: float


class ObjectStore:
    """Buckets in memory.

    Attributes:
      buckets: Objects by their names, by bucket.
      location: Of all buckets.
    """

    def __init__(self, location):
        self.buckets, self.location = {}, location
        self._uploads, self._numbers = {}, itertools.count(1_790_000_000_000_000)
        self._lock = threading.RLock()

    def read(self, address):
        """Returns the content of an object by its address `gs://…`."""
        bucket, _, name = address.removeprefix("gs://").partition("/")
        return self.buckets[bucket][name].content

    def write(self, address, content):
        """Writes an object."""
        bucket, _, name = address.removeprefix("gs://").partition("/")
        self._store(bucket, name, content, "application/octet-stream")

    def names(self, address):
        """Returns the names of all objects below an address, without it, sorted."""
        bucket, _, name = address.removeprefix("gs://").partition("/")
        prefix = f"{name.rstrip('/')}/" if name else ""
        return sorted(one.removeprefix(prefix) for one in self.buckets[bucket] if one.startswith(prefix))

    def handle(self, method, path, headers, body):
        """Answers a request; `path` is with its query, as it was sent."""
        with self._lock:
            return self._handle(method, urlsplit(path), headers, body)

    def _handle(self, method, split, headers, body):
        path, query = split.path, {name: values[0] for name, values in parse_qs(split.query).items()}
        if path.startswith("/batch/"):
            return self._batch(headers, body)
        if (found := _UPLOAD.fullmatch(path)) is not None:
            return self._upload(method, unquote(found["bucket"]), split, query, headers, body)
        if (found := _REWRITE.fullmatch(path)) is not None:
            return self._copy(found, query)
        if (found := _OBJECT.fullmatch(path)) is not None or (found := _DOWNLOAD.fullmatch(path)) is not None:
            return self._one(method, unquote(found["bucket"]), unquote(found["name"]), query, headers)
        if (found := _LISTING.fullmatch(path)) is not None:
            return self._list(unquote(found["bucket"]), query)
        if (found := _BUCKET.fullmatch(path)) is not None:
            return self._bucket(unquote(found["bucket"]))
        if (found := _XML.fullmatch(path)) is not None and method == "GET":
            return self._one(method, unquote(found["bucket"]), unquote(found["name"]), {"alt": "media"}, headers)
        return _error(501, f"{method} {path} is not known here.")

    def _bucket(self, bucket):
        if bucket not in self.buckets:
            return _no_bucket()
        return Answer.of(
            {
                "kind": "storage#bucket",
                "id": bucket,
                "name": bucket,
                "location": self.location.upper(),
                "locationType": "region",
                "softDeletePolicy": {"retentionDurationSeconds": "0"},
            }
        )

    def _list(self, bucket, query):
        if bucket not in self.buckets:
            return _no_bucket()
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        entries = []
        for name in sorted(self.buckets[bucket]):
            rest = name.removeprefix(prefix)
            if not name.startswith(prefix) or name < query.get("startOffset", ""):
                continue
            is_below = delimiter and delimiter in rest
            entry = (True, prefix + rest.partition(delimiter)[0] + delimiter) if is_below else (False, name)
            if not entries or entries[-1] != entry:
                entries.append(entry)
        first = int(query.get("pageToken") or 0)
        last = first + min(int(query.get("maxResults") or _PAGE), _PAGE)
        page = entries[first:last]
        told = {
            "kind": "storage#objects",
            "items": [self._told(bucket, name) for is_prefix, name in page if not is_prefix],
            "prefixes": [name for is_prefix, name in page if is_prefix],
        }
        return Answer.of({**told, "nextPageToken": str(last)} if last < len(entries) else told)

    def _one(self, method, bucket, name, query, headers):
        if bucket not in self.buckets:
            return _no_bucket()
        found = self.buckets[bucket].get(name)
        if found is None:
            return _error(404, f"No such object: {bucket}/{name}")
        if method == "DELETE":
            del self.buckets[bucket][name]
            return Answer(204)
        if query.get("alt") == "media":
            return self._media(found, headers)
        return Answer.of(self._told(bucket, name))

    @staticmethod
    def _media(found, headers):
        said = {
            "Content-Type": found.content_type,
            "X-Goog-Generation": str(found.generation),
            "X-Goog-Hash": f"crc32c={_crc32c(found.content)},md5={_md5(found.content)}",
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range") or "")
        if wanted is None:
            return Answer(200, found.content, said)
        size = len(found.content)
        first, last = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        if first >= size:
            return Answer(416, b"", {"Content-Range": f"bytes */{size}"})
        return Answer(206, found.content[first : last + 1], {**said, "Content-Range": f"bytes {first}-{last}/{size}"})

    def _copy(self, found, query):
        values = {key: unquote(value) for key, value in found.groupdict().items()}
        source = self.buckets.get(values["bucket"], {}).get(values["name"])
        if source is None:
            return _error(404, f"No such object: {values['bucket']}/{values['name']}")
        if (refused := self._refused(values["to_bucket"], values["to_name"], query)) is not None:
            return refused
        self._store(values["to_bucket"], values["to_name"], source.content, source.content_type)
        size = str(len(source.content))
        return Answer.of(
            {
                "kind": "storage#rewriteResponse",
                "done": True,
                "objectSize": size,
                "totalBytesRewritten": size,
                "resource": self._told(values["to_bucket"], values["to_name"]),
            }
        )

    def _upload(self, method, bucket, split, query, headers, body):
        if bucket not in self.buckets:
            return _no_bucket()
        kind = query.get("uploadType")
        if method == "PUT" or "upload_id" in query:
            return self._resume(query["upload_id"], headers, body)
        if kind == "media":
            return self._put(bucket, query["name"], body, headers.get("Content-Type"), query)
        if kind == "multipart":
            (meta, _), (content, content_type) = _parts(headers["Content-Type"], body)
            return self._put(bucket, query.get("name") or json.loads(meta)["name"], content, content_type, query)
        assert kind == "resumable", kind
        name = query.get("name") or json.loads(body)["name"]
        number = str(next(self._numbers))
        content_type = headers.get("X-Upload-Content-Type", "application/octet-stream")
        self._uploads[number] = (bucket, name, content_type, bytearray(), query)
        address = f"https://{headers['Host']}{split.path}?uploadType=resumable&upload_id={number}"
        return Answer(200, b"", {"Location": address, "X-GUploader-UploadID": number})

    def _resume(self, number, headers, body):
        bucket, name, content_type, received, query = self._uploads[number]
        said = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", headers.get("Content-Range") or "")
        if said is None:
            received[:] = body
            total = len(body)
        else:
            if said[1] is not None:
                received[int(said[1]) :] = body
            total = None if said[3] == "*" else int(said[3])
        if total is None or len(received) < total:
            so_far = {"Range": f"bytes=0-{len(received) - 1}"} if received else {}
            return Answer(308, b"", so_far)
        del self._uploads[number]
        return self._put(bucket, name, bytes(received), content_type, query)

    def _put(self, bucket, name, content, content_type, query):
        if (refused := self._refused(bucket, name, query)) is not None:
            return refused
        self._store(bucket, name, content, content_type or "application/octet-stream")
        return Answer.of(self._told(bucket, name))

    def _refused(self, bucket, name, query):
        """Returns what is said where a precondition does not hold."""
        wanted = query.get("ifGenerationMatch")
        existing = self.buckets.get(bucket, {}).get(name)
        if wanted is None or int(wanted) == (0 if existing is None else existing.generation):
            return None
        return _error(412, "At least one of the pre-conditions you specified did not hold.")

    def _store(self, bucket, name, content, content_type):
        with self._lock:
            self.buckets[bucket][name] = _Object(content, next(self._numbers), content_type, time.time())

    def _told(self, bucket, name):
        found = self.buckets[bucket][name]
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(found.written))
        written = f"{moment}.{int(found.written % 1 * 1000):03}Z"
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{found.generation}",
            "name": name,
            "bucket": bucket,
            "generation": str(found.generation),
            "metageneration": "1",
            "contentType": found.content_type,
            "timeCreated": written,
            "updated": written,
            "size": str(len(found.content)),
            "md5Hash": _md5(found.content),
            "crc32c": _crc32c(found.content),
            "etag": str(found.generation),
        }

    def _batch(self, headers, body):
        answers = []
        for number, (part, _) in enumerate(_parts(headers["Content-Type"], body)):
            found = _PART.match(part)
            assert found is not None, part
            answer = self._handle(found["method"].decode(), urlsplit(found["path"].decode()), {}, b"")
            answers.append(
                f"--batch\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\n"
                f"HTTP/1.1 {answer.status} Said\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(answer.content)}\r\n\r\n".encode()
                + answer.content
                + b"\r\n"
            )
        return Answer(200, b"".join(answers) + b"--batch--", {"Content-Type": "multipart/mixed; boundary=batch"})


def _parts(content_type, body):
    """Returns the parts of a multipart body with their types."""
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    assert boundary is not None, content_type
    parts = []
    for piece in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n" if b"\r\n\r\n" in piece else b"\n\n")
        said = re.search(rb"(?i)content-type: *([^\r\n]+)", head)
        content = content.removesuffix(b"\n").removesuffix(b"\r")
        parts.append((content, said[1].decode() if said else None))
    return parts


def _md5(content):
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _crc32c(content):
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


def _error(status, message):
    return Answer.of({"error": {"code": status, "message": message, "errors": [{"message": message}]}}, status)


def _no_bucket():
    return _error(404, "The specified bucket does not exist.")
