"""What `w2v2 gc` may free in a workspace, and how it does so."""

DEFAULT_KEEP_RUNS = 3
"""How many of the newest runs of each pipeline are kept, whatever came of them."""
