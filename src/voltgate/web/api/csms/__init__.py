"""The resources of the management system."""
