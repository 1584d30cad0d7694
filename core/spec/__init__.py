"""The shared language of trainer and terminal: settings, events, run folders, names. Never imports torch."""
