"""RabbitMQ: the queues between gateways and the nodes that answer stations, as wires of the relay and turned round."""
