"""Runs: the folder that is the whole truth about a training, and the jobs that fill it."""
