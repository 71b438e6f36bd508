"""Tests of core.data.predicted."""
