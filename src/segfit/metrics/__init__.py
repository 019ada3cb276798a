"""How right a segmentation is: each file one kind of measure, arrays in, numbers out."""
