"""`w2v2 init`: looks at a person's own recordings, and writes a configuration with which they make a model.

`transcripts` finds which recordings there are and what is said in them, `sounds` looks at the files, `letters` at the
texts; `examination` puts it together, `plan` decides, `configuration_file` writes, `display` shows.
"""
