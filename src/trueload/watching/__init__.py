"""See which memory of a dataset is written to, and whether that changes what it gives."""
