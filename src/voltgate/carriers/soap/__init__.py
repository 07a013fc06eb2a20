"""SOAP: OCPP-S over HTTP, in both directions, as wires of the relay."""
