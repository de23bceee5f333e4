"""Archives as LibriSpeech's are, and names that none of them has."""

import gzip
import io
import tarfile

CHAPTER = "LibriSpeech/test-a/1089/134686"
SOUND = f"{CHAPTER}/1089-134686-0000.flac"
SPEAKERS = b"; a table\n1089 | M | test-a | 8.0 | Someone\n"
GOOD = {
    "LibriSpeech/": None,
    "LibriSpeech/SPEAKERS.TXT": SPEAKERS,
    "LibriSpeech/CHAPTERS.TXT": b"chapters\n",
    "LibriSpeech/BOOKS.TXT": b"books\n",
    "LibriSpeech/README.TXT": b"readme\n",
    "LibriSpeech/LICENSE.TXT": b"licence\n",
    f"{CHAPTER}/": None,
    SOUND: b"fLaC one",
    f"{CHAPTER}/1089-134686-0001.flac": b"fLaC two" * 200,
    f"{CHAPTER}/1089-134686.trans.txt": b"1089-134686-0000 ONE\n1089-134686-0001 TWO\n",
}
MTIME = 1_400_000_000


def entry(name, content: bytes | None = b"", **fields):
    info = tarfile.TarInfo(name)
    info.mtime = MTIME
    if content is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar(entries, gz=True, format=tarfile.GNU_FORMAT):  # noqa: A002 — tarfile names it
    """Returns an archive of a mapping, or of a list of `entry`."""
    if isinstance(entries, dict):
        entries = [entry(*item) for item in entries.items()]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as file:
        for info, content in entries:
            file.addfile(info, io.BytesIO(content or b""))
    return gzip.compress(buffer.getvalue(), 6, mtime=0) if gz else buffer.getvalue()


def tree(directory):
    """All files below a directory that a person would see."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def files(entries):
    return {name: content for name, content in entries.items() if content is not None}


NAMES_THAT_ARE_NOT_OF_THE_LAYOUT = [
    "/etc/passwd",
    "../escape",
    "LibriSpeech/../../escape",
    f"{CHAPTER}/../1089-134686-0009.flac",
    "LibriSpeech/test-a/../1089-134686-0000.flac",
    f"/{SOUND}",
    f"././{SOUND}",
    f"{CHAPTER}//1089-134686-0009.flac",
    f"{CHAPTER}/1089-134686-0009.FLAC",
    f"{CHAPTER}/1089-134686-0009.flac\n",
    f"{CHAPTER}/1089-999-0009.flac",
    f"{CHAPTER}/7-134686-0009.flac",
    f"{CHAPTER}/._1089-134686-0000.flac",
    f"{CHAPTER}/1089-134686-０009.flac",
    f"{CHAPTER}/1089-134686-e\u0301.flac",
    f"{CHAPTER}/1089-134686-\u00e9.flac",
    f"{CHAPTER}\\1089-134686-0009.flac",
    f"{CHAPTER}/1089-134686-0009.flac/x.flac",
    "LibriSpeech/intro/1/2/1-2-0000.flac",
    "LibriSpeech/.unpacked.json",
    "LibriSpeech/test-a/.unpacked.json",
    "LibriSpeech/EXTRA.TXT",
    "LibriSpeech",
    "SPEAKERS.TXT",
    "test-a/1089/134686/1089-134686-0000.flac",
    "LibriSpeech/test-" + "a" * 300 + "/1/2/1-2-0000.flac",
    "-rf",
    "\udcff\udcfe.flac",
]
