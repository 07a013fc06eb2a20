"""The edges: what carries messages between Voltgate and stations or backends."""
