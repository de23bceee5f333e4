"""The examples at the end of each page of `--help`, and the exit codes. A test parses each of them."""

from __future__ import annotations

EXIT_CODES: dict[int, str] = {
    0: "done",
    1: "an error that was not foreseen, or doctor found something that must be mended",
    2: "wrong usage or configuration",
    3: "bad data: a corpus, a checkpoint, an artifact",
    4: "the gate, or a person, has rejected the model",
    5: "the model waits for a review",
    75: "try again: the workspace is in use, the disk is full, a network did not answer",
    130: "stopped with Ctrl-C",
}

_RUN = "20260309T06"
_DATAFLOW = "--runner=DataflowRunner --project=my-project --region=europe-west4 --temp_location=gs://my-bucket/temp"

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("the first run: synthetic speech, a small checkpoint, nothing is downloaded", "w2v2 run"),
        ("text, with the model that was released last", "w2v2 transcribe interview.flac"),
        ("what a command takes", "w2v2 run --help"),
    ),
    "init": (
        ("a configuration for a folder of recordings, with a table of transcripts in it", "w2v2 init recordings/"),
        (
            "of a table of Common Voice, in Greek, from a checkpoint of your choice",
            "w2v2 init el/validated.tsv --language el --checkpoint hf://facebook/wav2vec2-xls-r-300m --output greek.py",
        ),
        ("what was found, for a script", "w2v2 init recordings/ --json"),
    ),
    "run": (
        ("the smallest run of the whole pipeline", "w2v2 run --config smoke"),
        (
            "LibriSpeech, which is downloaded, from a published checkpoint",
            "w2v2 run --corpus train-clean-100,dev-clean,test-clean --checkpoint hf://facebook/wav2vec2-base",
        ),
        ("your own recordings, by what w2v2 init has written", "w2v2 run --config my_run.py"),
        ("go on with a run that was stopped", "w2v2 run --resume"),
        ("train again, and all that follows", "w2v2 run --from Trainer"),
    ),
    "runs": (
        ("every run of ./workspace", "w2v2 runs"),
        ("the verdict of the newest, for a script", "w2v2 runs --json | jq -r '.runs[0].verdict'"),
        ("runs on Vertex AI", "w2v2 runs --workspace gs://my-bucket/w2v2"),
    ),
    "review": (
        ("the newest run with a verdict", "w2v2 review"),
        ("a run by the beginning of its id", f"w2v2 review {_RUN}"),
        ("its gates as JSON", f"w2v2 review {_RUN} --json"),
    ),
    "approve": (
        ("publish what waits for a person", f"w2v2 approve {_RUN} --reason 'Listened to the worst twenty.'"),
        (
            "the model of a run on Vertex AI",
            f"w2v2 approve {_RUN} --reason 'As good as the last.' --workspace gs://my-bucket/w2v2",
        ),
    ),
    "reject": (("keep a model from being published", f"w2v2 reject {_RUN} --reason 'It drops the endings of names.'"),),
    "transcribe": (
        ("text, to standard output", "w2v2 transcribe interview.flac"),
        ("subtitles for all recordings of a folder", "w2v2 transcribe recordings/ --format srt --output subtitles/"),
        ("from another program", "ffmpeg -i film.mkv -f wav - | w2v2 transcribe -"),
        (
            "words with their times, by a model of your own",
            "w2v2 transcribe call.wav --model my_release/onnx --format json",
        ),
    ),
    "evaluate": (
        ("the small checkpoint on synthetic speech", "w2v2 evaluate tiny --corpus synthetic"),
        (
            "both tables of a published checkpoint",
            "w2v2 evaluate hf://facebook/wav2vec2-base-960h --corpus test-clean,test-other --padding both",
        ),
        ("a model against another", "w2v2 evaluate my_release --corpus mine.tsv --baseline tiny"),
        (
            "on Dataflow",
            f"w2v2 evaluate my_release --corpus test-clean --staging gs://my-bucket/staging -- {_DATAFLOW}",
        ),
    ),
    "score": (
        ("the WER of any system, with its interval", "w2v2 score --ref ref.tsv --hyp hyp.tsv"),
        (
            "against another system, and exit code 4 where it is worse by half a point",
            "w2v2 score --ref ref.tsv --hyp new.tsv --baseline old.tsv --margin 0.005",
        ),
        ("a ceiling, and a report", "w2v2 score --ref ref.trn --hyp hyp.trn --max-wer 0.05 --output report/"),
    ),
    "ingest": (
        ("subsets of LibriSpeech", "w2v2 ingest --corpus dev-clean,test-clean --output records/"),
        ("your own recordings, in four processes", "w2v2 ingest --corpus speech.tsv --output records/ --workers 4"),
        (
            "on Dataflow",
            f"w2v2 ingest --corpus gs://my-bucket/speech.tsv --output gs://my-bucket/records -- {_DATAFLOW}",
        ),
    ),
    "convert": (
        ("a published checkpoint", "w2v2 convert hf://facebook/wav2vec2-base-960h model_directory"),
        ("a fairseq file", "w2v2 convert wav2vec_small_960h.pt model_directory"),
        ("one language of MMS", "w2v2 convert hf://facebook/mms-1b-all model_directory --language fra"),
    ),
    "export": (
        ("all formats of a model", "w2v2 export model_directory release"),
        (
            "ONNX alone, in int8 where your speech bears it",
            "w2v2 export hf://facebook/wav2vec2-base-960h release --format onnx --speech recordings/",
        ),
    ),
    "push": (
        (
            "what would be uploaded, without the network",
            "w2v2 push release --to hf://me/my-model --unevaluated --dry-run",
        ),
        ("an evaluated release, to a bucket", "w2v2 push release --evaluation evaluation/ --to gs://my-bucket/models"),
        (
            "to Kaggle, one format",
            "w2v2 push release --to kaggle://me/my-model/onnx/base --format onnx --unevaluated",
        ),
    ),
    "gc": (
        ("what can be freed, and why; nothing is changed", "w2v2 gc"),
        ("free it", "w2v2 gc --yes"),
        ("what could go if one run of each pipeline were kept, archives included", "w2v2 gc --keep-runs 1 --archives"),
    ),
    "doctor": (
        ("look at this machine", "w2v2 doctor"),
        (
            "only what is wrong, for a script",
            "w2v2 doctor --json | jq -r '.checks[] | select(.status != \"ok\") | .mend'",
        ),
    ),
    "completion": (
        ("for this bash alone", 'eval "$(w2v2 completion bash)"'),
        ("for every bash", "w2v2 completion bash >> ~/.bash_completion"),
        ("for every zsh, in a directory of its fpath", "w2v2 completion zsh > ~/.zfunc/_w2v2"),
    ),
    "vertex": (
        ("the pipeline as Vertex AI takes it; nothing is sent", "w2v2 vertex compile --config my_run.py"),
        ("a run there", "w2v2 vertex submit --config my_run.py"),
        ("how far it is", "w2v2 vertex status --config my_run.py"),
    ),
    "vertex compile": (
        ("into <pipeline>.json", "w2v2 vertex compile --config my_run.py"),
        (
            "for a corpus in Cloud Storage",
            "w2v2 vertex compile --config my_run.py --corpus gs://my-bucket/speech.tsv --output speech.json",
        ),
    ),
    "vertex submit": (
        ("start a run", "w2v2 vertex submit --config my_run.py"),
        ("beside one that has not ended", "w2v2 vertex submit --config my_run.py --anyway"),
    ),
    "vertex status": (
        ("the runs of the pipeline", "w2v2 vertex status --config my_run.py"),
        ("the tasks of one", "w2v2 vertex status my-run-20260309060706 --config my_run.py"),
    ),
    "vertex logs": (
        ("the last lines of a run", "w2v2 vertex logs my-run-20260309060706 --config my_run.py"),
        (
            "of one task",
            "w2v2 vertex logs my-run-20260309060706 --node Trainer --lines 1000 --config my_run.py",
        ),
    ),
    "vertex cancel": (("end a run and its jobs", "w2v2 vertex cancel my-run-20260309060706 --config my_run.py"),),
    "schedule": (
        ("what would change", "w2v2 schedule plan --config my_run.py"),
        ("make it so", "w2v2 schedule apply --config my_run.py"),
    ),
    "schedule plan": (("the difference, and the next five times", "w2v2 schedule plan --config my_run.py"),),
    "schedule apply": (("make or change the schedule", "w2v2 schedule apply --config my_run.py"),),
    "schedule list": (("the schedules of the project", "w2v2 schedule list --config my_run.py"),),
    "schedule pause": (("no more runs for now", "w2v2 schedule pause --config my_run.py"),),
    "schedule resume": (("fire again", "w2v2 schedule resume --config my_run.py"),),
    "schedule delete": (("remove the schedule", "w2v2 schedule delete --config my_run.py"),),
    "schedule run-now": (("do not wait for the next time", "w2v2 schedule run-now --config my_run.py"),),
}
