"""OCPP-S: envelopes and their bodies, converted to values and payloads of OCPP-J 1.6 and back. No I/O, no clock.

`envelope.parse` reads the bytes of a message, `codec.decode` its body; `codec.encode` writes a body, `writing` puts it
into an envelope; `addressing.readdress` replaces the addresses of a message and keeps its body; `faults` converts
errors; `operations` is the catalogue of operations.
"""
