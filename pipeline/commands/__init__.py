"""The commands of `w2v2`, each in a file of its own. What one needs is imported when it is called."""
