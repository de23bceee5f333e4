"""Where releases are published, each behind the same interface, `Destination`.

destination.py states it; numbered.py keeps versions 1, 2, … in a store, of which directory.py is the one on this
machine (that of Cloud Storage lies in `beam_jobs`); hugging_face.py and kaggle.py are hubs, each through its own
library.
"""

from model.export.destinations.destination import Copy, Destination, Staged

__all__ = ["Copy", "Destination", "Staged"]
