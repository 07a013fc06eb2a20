"""What OCPP says: messages, framing, turns, the catalogue of actions. Pure: no I/O, no clock, no loop."""
