"""Images that enter: read, resized, sampled, their contrast."""
