"""Simulated heads and pelves, made on the fly: the dataset that is always there."""

#: Raise it when the same parameters give other voxels.
CODE_VERSION = 1
