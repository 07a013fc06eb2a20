"""Single sign-on: people whom a provider of OpenID Connect knows (OpenID Connect Core 1.0, the code flow with PKCE)."""
