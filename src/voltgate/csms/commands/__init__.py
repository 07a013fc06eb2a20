"""Commands of operators, the same words for every version of OCPP: what is sent, and what an answer says."""
