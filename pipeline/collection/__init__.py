"""What `w2v2 gc` may free in a workspace, and how it does so."""
