"""Photographs made worse the way a camera on a vehicle sees them: motion blur, rain, drops on the lens."""
