"""Quality: what drafts are held against after mapping, by rules that are data (`mappings/quality/*.toml`)."""
