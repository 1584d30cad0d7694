"""Figures for files: what a figure says, how it is laid out, and the two kinds of paper it is drawn on, SVG and PNG."""
