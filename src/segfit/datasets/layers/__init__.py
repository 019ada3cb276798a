"""Slides and maps with layers of polygons: labelled images of any size, read window by window."""
