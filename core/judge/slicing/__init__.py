"""The worst groups, found automatically."""
