"""The outer loop: one step, epochs, learning rate, checkpoints."""
