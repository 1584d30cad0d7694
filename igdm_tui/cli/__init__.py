"""`igdm` and `igdm-tui`: commands that say little and do what the screens do."""
