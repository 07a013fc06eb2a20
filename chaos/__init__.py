"""The fault run: chargers charge while Voltgate, its backends and its database die; then the books are compared."""
