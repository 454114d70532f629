"""The figures of the README, from the reports of runs/*.sh."""
