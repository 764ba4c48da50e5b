"""What methods of calibration gain and cost: for a terminal, in Markdown, as a plot and as a page."""
