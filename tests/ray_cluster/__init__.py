"""Tests that run on a Ray cluster."""
