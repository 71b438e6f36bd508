"""Tables and arrays in, plotly figures out; one theme. No science is computed here."""
