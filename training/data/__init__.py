"""Everything between files and samples: photographs and pairs on disk, what is cut from them, and batches."""
