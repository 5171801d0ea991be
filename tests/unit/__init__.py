"""One file a module: what each promises by itself, without processes."""
