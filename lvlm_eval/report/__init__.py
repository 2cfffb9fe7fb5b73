"""What people see: tables, progress, lists, single questions."""
