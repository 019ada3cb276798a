"""Image → scores → labels and objects."""
