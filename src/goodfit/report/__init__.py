"""The report of a run: `views` holds its numbers, `figures` draws them, `html` makes one page of both."""
