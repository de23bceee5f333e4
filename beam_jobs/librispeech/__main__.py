"""`python -m beam_jobs.librispeech --corpus DIR --output DIR`, with any of Beam's own flags after them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from beam_jobs.librispeech.settings import IngestSettings
from model.errors import UsageError, W2v2Error


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the records of a corpus and prints what is in them; returns the exit code."""
    from beam_jobs.librispeech.job import IngestRequest, run_job

    defaults = IngestSettings()
    parser = argparse.ArgumentParser(
        prog="python -m beam_jobs.librispeech",
        description="Writes a corpus as shards of utterance records.",
    )
    parser.add_argument(
        "--corpus",
        required=True,
        help="a directory in LibriSpeech's layout, an archive, subsets by name, or a manifest of own recordings; paths"
        " and gs:// addresses",
    )
    parser.add_argument("--downloads", help="where archives are kept and unpacked; <output>.corpora by default")
    parser.add_argument("--output", required=True, help="the directory of the records")
    parser.add_argument("--staging", help="where unfinished work is kept; <output>.staging by default")
    parser.add_argument("--max-reject-fraction", type=float, default=defaults.max_reject_fraction)
    parser.add_argument("--num-shards-per-split", type=int, help="files of each split; by its size, if not given")
    arguments, beam_flags = parser.parse_known_args(argv)
    output = arguments.output.rstrip("/")
    try:
        settings = IngestSettings(
            max_reject_fraction=arguments.max_reject_fraction,
            num_shards_per_split=arguments.num_shards_per_split,
        )
        request = IngestRequest(
            corpus=arguments.corpus,
            output=output,
            downloads=arguments.downloads or f"{output}.corpora",
            staging=arguments.staging or f"{output}.staging",
            beam_flags=beam_flags,
        )
        info = run_job(request, settings)
    except W2v2Error as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        sys.stderr.write(f"{error.filename or 'A file'} cannot be used: {error.strerror}; name another place.\n")
        return UsageError.exit_code
    sys.stdout.write(json.dumps(info, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
