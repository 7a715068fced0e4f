"""What every stage may use: findings, error categories, clock, ids. Imports nothing from `hie`."""
