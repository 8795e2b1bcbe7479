"""Evidence that takes too long to be a test."""
