"""What is decided about a call: functions over a `Context`, one file for each matter."""
