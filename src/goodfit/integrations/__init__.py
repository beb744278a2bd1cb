"""Other people's training loops, turned into the `Step`s that every callback reads."""
