"""What listens on `listen.http`."""
