"""Tests of replay: the file, what is put in and compared, and whole replays on real sockets."""
