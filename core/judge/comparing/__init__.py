"""Models against each other: pairs of molecules, differences, verdicts, a table of runs."""
