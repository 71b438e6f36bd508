"""What a report and a model card say."""
