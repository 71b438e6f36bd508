"""What only RDKit knows: drawings, substructures, fingerprints. No other room imports it."""
