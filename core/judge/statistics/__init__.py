"""Intervals, resampling and tests that know nothing of molecules."""
