"""The whole cluster from any node: what the API asks of other gateways, and what this one answers them."""
