"""The doors: bytes are received here and answers leave here, nothing else (MLLP, HTTP, SOAP, drop folder)."""
