"""Questions about the data that need no training of the network: what simple models, neighbours and counts say.

Inputs are tensors (rows, ...), float or whole-number tokens; targets as a job has them. Every question is a pure
function, seeded, works on a bounded sample of rows and runs on one thread.
"""
