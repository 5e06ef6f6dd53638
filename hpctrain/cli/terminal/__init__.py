"""Text for a terminal, made of records: tables, curves, findings, cards."""
