"""The bell, the job and the rounds; what happens to whole processes is in `faults`."""
