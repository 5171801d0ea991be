"""What holds for any order, length, key, cut and number of ranks, tried on generated ones."""
