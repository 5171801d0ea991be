"""The sanitizer: what it must find in broken scripts, and must not in correct ones."""
