"""The demo's drive: what a virtual camera sees, and the weather."""
