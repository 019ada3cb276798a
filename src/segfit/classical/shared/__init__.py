"""What classical methods share: what a method is, flat images, clusters, textures and hints."""
