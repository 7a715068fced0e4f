"""An open FHIR R4 health-information-exchange server for the Yangtze River Delta demonstration zone."""

__version__ = "0.1.0"
