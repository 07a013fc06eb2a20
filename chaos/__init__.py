"""The fault run: chargers charge while everything around them breaks; then every delivery is judged."""
