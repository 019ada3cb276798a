"""What shapes share: an outline, a fit and its error, least squares, corners."""
