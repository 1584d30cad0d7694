"""The program that draws: screens, command line, store. Starts without torch; knows only core.spec of core."""

__version__ = "0.1.0"
