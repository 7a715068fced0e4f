"""The FHIR R4 REST API: one ASGI application that answers with ready bytes (design decision 9).

A request goes through `app` (transport: sizes, times, errors, headers), `router` (which interaction), and one module
per group of interactions: `read`, `write`, `search`, `history`, `bundle`, `patch`, `capability`, `operations`.
"""
