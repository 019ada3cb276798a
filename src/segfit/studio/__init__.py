"""Label, train, correct and judge in the browser: ``segfit studio FOLDER``."""
