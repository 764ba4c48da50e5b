"""How a model holds out against the operators of the forge: for a terminal, in Markdown, as a plot and as a page."""
