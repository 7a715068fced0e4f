"""The source languages: one module per dialect (`hie.mapping.dialect`)."""
