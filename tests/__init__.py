"""Tests of trueload."""
