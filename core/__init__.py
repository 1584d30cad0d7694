"""The trainer: data, models, teachers, attacks, methods, diagnostics, evaluation, training.

Knows no screen and no database. Importing `core` imports nothing heavy; `core.spec` is the part shared with
the program that draws.
"""
