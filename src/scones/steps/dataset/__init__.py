"""From a source of images to a checked, deduplicated and split data set."""
