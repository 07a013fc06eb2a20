"""Stations and a backend to play with, and a strict load generator."""
