"""A method over labelled data → a report."""
