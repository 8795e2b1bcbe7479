"""Tables, captions and figures from a finished (or unfinished) run."""
