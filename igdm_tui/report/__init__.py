"""What leaves the program: comparisons of runs as text, Markdown, LaTeX, CSV and JSON."""
