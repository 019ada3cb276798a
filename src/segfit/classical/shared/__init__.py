"""What classical methods share: what a method is, colors, clusters, textures and hints."""
