"""What the API shows of the management system: models, their forms, and what the resources work with."""
