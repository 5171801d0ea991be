"""Tests that take minutes each, marked `slow`."""
