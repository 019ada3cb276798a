"""Many images or masks: one pipeline from files to files, and its uses."""
