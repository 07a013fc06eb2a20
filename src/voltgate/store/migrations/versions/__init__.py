"""One module for each step, the newest named last."""
