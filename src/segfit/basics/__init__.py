"""What every other module may use: arrays, files, geometry, text, progress, tables of modules."""
