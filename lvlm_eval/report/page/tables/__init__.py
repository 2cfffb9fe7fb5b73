"""Tables of the report: exact values, and how they are shown and written."""
