"""The figures that the README quotes, one file each; `make bench` runs them all."""
