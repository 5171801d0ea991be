"""What batches are held to: a contract that is learned, or declared."""
