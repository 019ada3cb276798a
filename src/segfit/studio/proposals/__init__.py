"""What a machine says of an image: proposals, regions, objects, outlines."""
