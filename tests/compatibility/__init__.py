"""The contract with the libraries that take a loader apart: one test or more for each clause."""
