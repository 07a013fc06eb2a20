"""What is answered to stations: a short function for each action, over values."""
