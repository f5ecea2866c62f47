"""What models are worth: judged on real pairs and on synthetic ones, beside classical ways to restore."""
