"""Parts of the page Outliers."""
