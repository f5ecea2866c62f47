"""Falling rain: families of streaks, added as light or as pixel values, behind a veil of far rain."""
