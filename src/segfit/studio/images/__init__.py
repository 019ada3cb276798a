"""Images as tiles."""
