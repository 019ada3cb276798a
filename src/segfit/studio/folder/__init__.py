"""The folder: which images it has, and its labels as files."""
