"""Parse: raw bytes to records, one per part; text decoded, nothing interpreted."""
