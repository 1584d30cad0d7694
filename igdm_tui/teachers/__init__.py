"""Teachers beside runs: published checkpoints fetched into the cache, and a list of all that are known."""
