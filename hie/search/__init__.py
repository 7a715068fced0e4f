"""Find: parameters, plans and index entries; pure, store-neutral."""
