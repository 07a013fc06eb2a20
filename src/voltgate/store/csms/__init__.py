"""The database of the management system."""
