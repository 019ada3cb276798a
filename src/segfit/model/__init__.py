"""What a .segfit file is."""
