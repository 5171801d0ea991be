"""Who makes the batches: the loader's own process, or worker processes."""
