"""Who answers what: routes, legs, sessions. Synchronous; no network, no database."""
