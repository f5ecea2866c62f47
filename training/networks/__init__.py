"""Networks that restore a frame: every one maps float32 [N, 3, H, W] RGB, 0..1, to the same shape."""
