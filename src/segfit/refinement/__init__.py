"""Partition → partition: outlines and boxes moved to where the image has its edges."""
