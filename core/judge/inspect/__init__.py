"""Why is this molecule wrong? One molecule, or a handful, under every run at once; numpy only, nothing is trained."""
