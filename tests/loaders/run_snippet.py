"""Runs one of the documentation's pieces of code in several directories, and keeps what it found out in each.

    python run_snippet.py CODE.py RESULT.json DIRECTORY…

RESULT.json holds a list: for each directory its `text` and, where the code has some, its `logits`.
"""

import json
import os
import sys
from pathlib import Path

code_path, result_path, *directories = sys.argv[1:]
code = Path(code_path).read_text()
if "onnx_asr" in code:
    import onnx_asr_wav2vec2

    onnx_asr_wav2vec2.register()
results = []
for directory in directories:
    os.chdir(directory)
    found = {"__name__": "__main__"}
    exec(compile(code, code_path, "exec"), found)
    results.append(
        {
            "text": found.get("text"),
            "logits": [[float(value) for value in row] for row in found.get("logits", ())],
            "losses": [float(value) for value in found.get("losses", ())],
        }
    )
Path(result_path).write_text(json.dumps(results))
