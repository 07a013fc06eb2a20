"""A backend of our own: the management system."""
