"""What a job of ingest has written, for tests."""

import hashlib
import json

from model.examples import read_utterances


def shards(output):
    return sorted(path for path in output.glob("Split-*/*"))


def records(output, split="*"):
    return {u.utterance_id: u for u in read_utterances(map(str, sorted(output.glob(f"Split-{split}/*"))))}


def digests(output):
    return {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest() for path in shards(output)}


def rejects(output):
    return {
        reject["utterance_id"]: reject["reason"]
        for reject in map(json.loads, (output / "rejects.jsonl").read_text().splitlines())
    }
