"""The proxies that the bench brings along: what people write."""
