"""What a training learns from: crops, views, drawn images."""
