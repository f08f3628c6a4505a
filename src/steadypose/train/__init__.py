"""Training, on Lightning: a configuration in, checkpoints and their cards out."""
