"""Memory of one training step, counted instead of measured."""
