"""Everything of Mollens that is not a page: data, recipes, runs, training, judging, figures, command line."""
