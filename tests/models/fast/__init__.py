"""Tests of models/fast."""
