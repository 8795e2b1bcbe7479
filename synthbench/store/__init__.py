"""Content-addressed stages on disk: keys, atomic files, claims, and the result table."""
