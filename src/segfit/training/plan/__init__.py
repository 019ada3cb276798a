"""The settings of a training, chosen from the data, with reasons."""
