"""What people see of the figures: tables on the terminal."""
