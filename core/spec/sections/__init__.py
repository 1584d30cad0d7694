"""The sections of a configuration, one file per subject; `core.spec.config` joins and re-exports them."""
