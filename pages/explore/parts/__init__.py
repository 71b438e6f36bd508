"""Parts of the Explore pages."""
