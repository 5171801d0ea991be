"""What goes wrong around workers, done to them on purpose."""
