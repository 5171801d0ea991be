"""What the values of a leaf may have in common: one trait a module, each with what breaks it."""
