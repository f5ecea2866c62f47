"""Motion blur: what moves while the shutter is open, drawn for photographs or taken from a video."""
