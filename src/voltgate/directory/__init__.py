"""The directory: known stations, their credentials, claims, and unknown stations that were refused."""
