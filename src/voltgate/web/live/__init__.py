"""Live pages: what the dashboard shows, kept up to date over one websocket a page."""
