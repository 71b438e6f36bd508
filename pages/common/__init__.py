"""What pages share: cached loaders, pickers, model colours, page furniture, and the components drawn in the browser."""
