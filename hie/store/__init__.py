"""Keep: resource versions with their search index, and the tables of the other stages, behind one port."""
