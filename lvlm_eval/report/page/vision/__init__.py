"""The vision section of the page: its tables and figures."""
