"""What a Space starts: the demo over what lies beside this file. `make space` puts it there."""

import sys
from pathlib import Path

from demo.serve import main

if __name__ == "__main__":
    here = Path(__file__).parent
    sys.exit(main(["--model", str(here / "release"), "--examples", str(here / "examples"), "--page-anyway"]))
