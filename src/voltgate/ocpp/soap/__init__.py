"""OCPP-S: envelopes and their bodies, to values and payloads of OCPP-J 1.6 and back. Pure: no I/O, no clock.

`envelope.parse` reads the bytes of a message, `codec.decode` its body; `codec.encode` writes a body, `writing` puts it
into an envelope; `addressing.readdress` changes where a message goes and leaves its body as it came; `faults` are
OCPP's errors; `operations` says which operations there are.
"""
