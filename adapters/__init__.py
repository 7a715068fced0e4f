"""The regions: one package each, found through the entry-point group `hie.adapters`; they import only `hie.plugin`."""
