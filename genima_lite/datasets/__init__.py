"""Where samples come from: one file a source, and the shards that keep them on disk."""
