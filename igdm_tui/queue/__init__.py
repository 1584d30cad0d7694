"""Runs wait for a device: tickets on disk, slots held by the kernel, and one supervisor per home that starts them."""
