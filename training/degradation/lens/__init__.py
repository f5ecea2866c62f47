"""A wet lens or windscreen: three families of drops, trickles, what a wiper leaves, and haze."""
