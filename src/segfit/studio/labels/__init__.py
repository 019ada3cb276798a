"""The labels of an image: kept in blocks, changed by operations, with undo."""
