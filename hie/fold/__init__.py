"""Fold: contributions, in order, to resources. Pure; the order of arrival never shows (design decision 4)."""
