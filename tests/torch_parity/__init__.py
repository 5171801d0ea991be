"""The same body over torch's loader and ours: what differs, and that nothing else does."""
