"""`report.html`: one file with its figures, tables and pictures, that needs no network."""
