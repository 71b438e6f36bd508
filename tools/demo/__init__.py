"""Makes the demo dataset: grow graphs, relax them with GFN2-xTB, label, write."""
