"""The plugin for napari: results read and written, layers segmented and refined."""
