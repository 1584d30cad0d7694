"""Runs on a Slurm cluster: submission goes through submitit, the truth about a run comes from its own folder."""
