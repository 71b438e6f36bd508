"""Parts of the pages of Train."""
