"""Identity: which local Patients are one person. Pure; never joins without a shared number."""
