"""What a report is made from: histories, results and thumbnails of one run."""
