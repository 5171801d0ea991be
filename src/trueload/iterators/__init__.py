"""What `iter(loader)` gives: torch's iterators in face, ours within."""
