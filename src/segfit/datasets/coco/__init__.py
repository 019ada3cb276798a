"""COCO annotation files: polygons and run lengths, one file for many images."""
