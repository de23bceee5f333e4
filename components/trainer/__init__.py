"""What the standard component Trainer is given."""
