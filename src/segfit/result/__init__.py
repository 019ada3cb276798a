"""What a method gives, and what a method is."""
