"""The promises of every kind of worker."""
