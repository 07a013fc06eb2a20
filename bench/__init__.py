"""The bench: Voltgate beside nginx, HAProxy, a naive proxy and Node's `ws`, in one interleaved run."""
