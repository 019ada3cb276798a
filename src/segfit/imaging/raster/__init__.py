"""Images of any size, read window by window: slides, maps and pyramids."""
