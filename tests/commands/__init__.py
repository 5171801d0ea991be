"""The command line and the programs beside it, each run in a process of its own."""
