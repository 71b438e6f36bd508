"""What a training is: validated fields, presets, and the run folder that a recipe becomes."""
