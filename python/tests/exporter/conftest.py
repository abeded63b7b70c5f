"""Settings of all tests."""

import torch

# The networks are so small that threads wait for each other longer than they run.
torch.set_num_threads(1)
