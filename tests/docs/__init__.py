"""The documentation: its code runs, its links lead somewhere, and no error is without a page."""
