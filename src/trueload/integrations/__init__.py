"""What other libraries need beyond the drop-in: one small module each."""
