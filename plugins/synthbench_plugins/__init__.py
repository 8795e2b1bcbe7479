"""The built-in plugins; each folder registers through the entry-point group ``synthbench``."""
