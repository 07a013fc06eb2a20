"""Who is who: stations, backends, and what is known of them."""
